"""What a watch takes for harm: gross differences at the first look, however many payments there are, and none that chance makes."""

import numpy as np
import pytest

from training.watch.limits import FACTOR, Finding, Limits, above, fewer, more, sentence
from training.watch.sample import Sample

WINDOWS = 60
USUAL = {"alerts": 0.0076, "declines": 0.002, "unscored": 0.0005}
MINUTE, PART = 12_000, 1_000
"""200 payments a second for a minute; what is read of a minute of the hour before."""


def sample(draws: np.random.Generator, rows: int, burst: float = 1.0, slow: float = 0.02, **shares: float) -> Sample:
    """Returns payments, a share of them alerts and so on; `burst`: how many times the shares are in this minute."""
    share = {name: min(1.0, value * burst) for name, value in (USUAL | shares).items()}
    alerts = draws.binomial(rows, share["alerts"])
    unscored = draws.binomial(rows, share["unscored"])
    low, high = rows - unscored - alerts, min(alerts, rows - unscored)
    scores = [*draws.uniform(0, 0.01, max(0, low)), *draws.uniform(0.3, 1, high)]
    return Sample(
        rows=rows,
        alerts=alerts,
        declines=draws.binomial(alerts, min(1.0, share["declines"] / share["alerts"])) if share["alerts"] else 0,
        unscored=unscored,
        scores=scores,
        latencies=list(draws.exponential(slow, rows)),
    )


def limits(draws: np.random.Generator, rows: int = PART, bursts: np.ndarray | None = None) -> Limits:
    times = np.ones(WINDOWS) if bursts is None else bursts
    return Limits([sample(draws, rows, burst) for burst in times], WINDOWS, are_probabilities=True)


def breached(found: list[Finding]) -> list[str]:
    return [one.metric for one in found if one.breached]


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        ({"alerts": 0.03}, "alerts"),
        ({"alerts": 0.0005, "declines": 0.0001}, "alerts"),
        ({"alerts": 0.03, "declines": 0.02}, "declines"),
        ({"unscored": 0.03}, "unscored"),
        ({"slow": 4.0}, "latency"),
    ],
)
def test_gross_harm_is_seen_in_the_first_minute(harm: dict[str, float], expected: str) -> None:
    draws = np.random.default_rng(1)
    found = limits(draws).judge(sample(draws, MINUTE, **harm))
    assert expected in breached(found)
    (one,) = [one for one in found if one.metric == expected]
    assert ", before " in sentence(one)


def test_scores_that_shift_are_seen_though_alerts_stay() -> None:
    draws = np.random.default_rng(2)
    after = sample(draws, MINUTE)
    after.scores = list(draws.uniform(0, 0.3, after.rows))
    known = limits(draws)
    assert breached(known.judge(after)) == ["score_drift"]
    others = Limits([sample(draws, PART)], WINDOWS, are_probabilities=False)
    assert breached(others.judge(after)) == [], "a rank and a probability are not alike, and neither does harm"


def test_hours_of_a_harmless_model_have_no_breach_even_where_attacks_come_in_bursts() -> None:
    draws = np.random.default_rng(3)
    for _ in range(5):
        known = limits(draws, bursts=draws.choice([0.5, 4.0], WINDOWS, p=[0.9, 0.1]))
        seen: list[Sample] = []
        for burst in draws.choice([0.5, 4.0], WINDOWS, p=[0.9, 0.1]):
            seen.append(sample(draws, 2_000, burst))
            assert breached(known.judge(seen[-1])) == []
        assert breached(known.judge(Sample.together(seen))) == []


def test_a_quiet_bank_is_judged_by_all_windows_together() -> None:
    draws = np.random.default_rng(4)
    known = limits(draws, rows=60)
    seen = [sample(draws, 60, alerts=0.05) for _ in range(WINDOWS)]
    assert breached(known.judge(seen[0])) == []
    assert "alerts" in breached(known.judge(Sample.together(seen)))


def test_what_is_not_there_is_not_judged() -> None:
    draws = np.random.default_rng(5)
    assert limits(draws).judge(Sample(others=100)) == []
    assert Limits([], WINDOWS, are_probabilities=True).judge(sample(draws, MINUTE)) == []


def test_the_probability_of_a_false_rollback_is_as_it_says() -> None:
    """At the edge of what is gross each test fires in its share of all looks, and not in more."""
    draws = np.random.default_rng(6)
    share, runs, level = 0.01, 20_000, 0.01
    before, after = draws.binomial(PART * 6, share, runs), draws.binomial(2_000, FACTOR * share, runs)
    less = draws.binomial(2_000, share / FACTOR, runs)
    known = draws.binomial(2_000, share, runs)
    for found in (
        [more((a, 2_000), (b, PART * 6), 1.0) for a, b in zip(after, before, strict=True)],
        [fewer((a, 2_000), (b, PART * 6), 1.0) for a, b in zip(less, before, strict=True)],
        [above((a, 2_000), share, 1.0) for a in known],
    ):
        rate = float((np.array(found) < level).mean())
        assert 0.3 * level < rate < 1.15 * level
