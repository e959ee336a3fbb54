"""Whether a model holds: nothing is said of days like those it was made for, and an attack that it does not know is seen soon."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score

import training.monitor
from spark_jobs.settings import S3
from tests import served
from tests.served import JUDGED_DAYS, REFERENCE_DAYS, UNSEEN, suspicion
from training.bundle import MODEL, REFERENCE, Calibration, Description, Manifest, describe
from training.calibration import calibrated
from training.dataset import as_known
from training.fitting import judged
from training.health import drift, estimate, quality
from training.health.day import ALERTS, INPUTS, MISSES, SCORES, Health, Result
from training.health.reference import Reference
from training.health.served import Served
from training.lake import Lake
from training.metrics import at_threshold, card_precision
from training.splits import DAY, WEEK, Span

DRIFT = (INPUTS, ALERTS, SCORES)


class Kept(NamedTuple):
    """A world whose model has been made."""

    rows: pd.DataFrame
    manifest: Manifest
    reference: Reference
    calibration: Calibration


@pytest.fixture(scope="module")
def made() -> Kept:
    rows = served.world()
    return Kept(rows, *served.model(rows))


@pytest.fixture(scope="module")
def quiet(made: Kept, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served.lake(tmp_path_factory.mktemp("quiet"), made.rows, made.manifest, made.calibration)


@pytest.fixture(scope="module")
def troubled(made: Kept, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = served.attacked(made.rows)
    return served.lake(tmp_path_factory.mktemp("troubled"), rows, made.manifest, made.calibration)


@pytest.fixture
def monitored(made: Kept, home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    served.keep_model(home / "models", made.manifest, made.reference)

    def run(lake: Path, *arguments: str) -> tuple[int, str]:
        code = training.monitor.main([f"--data={lake}", f"--store={home / 'models'}", *arguments])
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


def health(lake: Path, kept: Kept, reference: Reference | None = None) -> Health:
    return Health(kept.manifest, reference or kept.reference, Served(Lake(str(lake), S3()), kept.manifest), "blind-sample")


def on(number: int) -> date:
    return served.day(number).date()


def breaches(found: list[Result], *metrics: str) -> list[tuple[date, str, str]]:
    return [(one.day, one.metric, one.feature) for one in found if one.breached and one.metric in metrics]


# What is counted


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        ([0, 1, 1, 0, 0], [0], [3, 2, 0]),
        ([1, 1, np.nan], [], [2, 1]),
        ([np.nan], [], [0, 1]),
        ([3, 2, 1, np.nan], [1, 2], [1, 1, 1, 1]),
        ([0] * 85 + list(range(1, 16)), [0, 5], [85, 5, 10, 0]),
        ([-value for value in range(12)] + [5] * 88, [-2], [10, 90, 0]),
    ],
    ids=["two values", "one value", "none", "few", "many equal", "most at the top"],
)
def test_equal_values_stand_in_one_bin(values: list[float], edges: list[float], counts: list[int]) -> None:
    found = drift.edges_of(np.array(values, float))
    assert found.tolist() == edges
    assert drift.counts_of(np.array(values, float), found).tolist() == counts


def test_psi_is_that_of_the_books() -> None:
    now, before = np.array([300, 500, 200, 0]), np.array([400, 400, 200, 0])
    assert drift.psi(now, before) == pytest.approx(-0.1 * np.log(0.3 / 0.4) + 0.1 * np.log(0.5 / 0.4), rel=0.01)
    assert drift.psi(before, before) == 0
    assert 0.03 < drift.psi(np.array([495, 495, 10]), np.array([500, 500, 0])) < 0.1, "a value that was never absent is now"


@pytest.mark.parametrize(("rows", "before"), [(200, 1_000), (1_000, 20_000)])
def test_a_limit_is_passed_by_chance_as_seldom_as_is_said_whatever_the_rows(rows: int, before: int) -> None:
    draws, worlds, looks = np.random.default_rng(0), 4_000, 1
    shares = np.full(10, 0.1)
    pairs = zip(draws.multinomial(rows, shares, worlds), draws.multinomial(before, shares, worlds), strict=True)
    found = [drift.moved(now, reference, 1.0, looks, 0.0) for now, reference in pairs]
    passed = sum(one.psi > (one.limit or 0) for one in found)
    assert passed <= 4 * worlds * drift.FALSE_ALARM
    if rows == 200:
        assert sum(one.psi > 0.1 for one in found) > 10 * passed, "the usual rule is passed by chance"


def test_of_too_few_rows_nothing_is_judged() -> None:
    reference = np.full(10, 1_000)
    assert drift.moved(np.full(10, 4), reference, 1.0, 1, 0.1).limit is None
    assert drift.moved(np.full(10, 5), reference, 1.0, 1, 0.1).limit is not None


def test_days_that_differ_by_themselves_raise_the_limit() -> None:
    weekend = np.array([[1_000, 0], [1_000, 0], [1_000, 0], [1_000, 0], [1_000, 0], [0, 1_000], [0, 1_000]])
    usual, far = drift.dispersion(weekend), weekend.sum(axis=0)
    for today in weekend:
        found = drift.moved(today, far, usual, 1, 0.1)
        assert found.psi < (found.limit or 0)
    assert drift.dispersion(np.random.default_rng(0).multinomial(1_000, [0.3, 0.7], 28)) < 2, "independent rows"


# What is estimated and judged


def test_an_interval_of_a_share_is_wilsons() -> None:
    assert quality.wilson(3, 10) == pytest.approx((0.1078, 0.6032), abs=1e-4)
    assert quality.wilson(0, 20)[0] == 0
    assert quality.wilson(0, 20)[1] == pytest.approx(0.1611, abs=1e-4)
    assert quality.wilson(0, 0) == (0, 1)


def test_calibration_is_what_scores_say_beside_what_was() -> None:
    scores, truth = np.array([0.1] * 10 + [0.6] * 10), np.array([True] + [False] * 9 + [True] * 4 + [False] * 6)
    assert quality.error(quality.reliability(scores, truth, np.array([0.5]))) == pytest.approx(0.1)


def test_what_is_estimated_from_scores_is_what_comes_of_them() -> None:
    draws, inside = np.random.default_rng(0), {"precision": 0, "recall": 0}
    for _ in range(200):
        scores = draws.beta(0.3, 3, 500)
        truth = draws.random(500) < scores
        alerted = scores >= 0.4
        came = {"precision": truth[alerted].mean(), "recall": alerted[truth].mean()}
        for name, one in estimate.estimates(scores, 0.4).items():
            low, high = one.interval(1.0)
            inside[name] += low <= came[name] <= high
    assert all(180 <= count <= 199 for count in inside.values()), inside
    assert estimate.estimates(np.array([0.1]), 0.4).keys() == {"recall"}, "there is no alert"


def test_a_day_is_judged_by_how_much_days_differ() -> None:
    usual = quality.spread([{"recall": value, "brier": 1 - value} for value in (0.7, 0.72, 0.68, 0.71, 0.69, 0.7, 0.73, 0.67)])
    low, high = quality.limit("recall", usual["recall"]), quality.limit("brier", usual["brier"])
    assert low is not None
    assert high is not None
    assert 0.55 < low < 0.65
    assert quality.is_worse("recall", low - 0.01, low)
    assert quality.is_worse("brier", high + 0.01, high)
    assert not quality.is_worse("brier", high - 0.01, high)
    assert quality.limit("recall", quality.spread([{"recall": 0.7}] * 3)["recall"]) is None, "too few days"
    assert quality.limit("auc_roc", usual["recall"]) is None


# The world


def test_sixty_days_like_those_before_raise_no_alarm_and_scores_tell_what_comes(made: Kept, quiet: Path) -> None:
    one = health(quiet, made)
    found = [result for number in range(JUDGED_DAYS) for result in one.of(on(number)).results]
    assert len(breaches(found, *DRIFT)) <= 1
    assert len(breaches(found, *quality.LESS_IS_WORSE, *quality.MORE_IS_WORSE)) <= 1
    of = {name: pd.Series({x.day: x for x in found if x.metric == name}) for name in ("precision", "estimated_precision")}
    days = of["precision"].index.intersection(of["estimated_precision"].index)
    assert len(days) == JUDGED_DAYS - 7, "labels of the last seven days have not come"
    pairs = [(of["estimated_precision"][day], of["precision"][day].value) for day in days]
    assert np.mean([told.low <= came <= told.high for told, came in pairs]) >= 0.9


def test_an_attack_is_seen_by_drift_within_a_day_and_by_results_when_labels_have_come(made: Kept, troubled: Path) -> None:
    one, began = health(troubled, made), served.ATTACK.date()
    first = (began - on(0)).days
    found = [result for number in range(first - 3, first + 9) for result in one.of(on(number)).results]
    drifts = sorted(day for day, _, _ in breaches(found, *DRIFT))
    assert began <= drifts[0] <= began + timedelta(days=1)
    assert (began, INPUTS, "amount") in breaches(found, INPUTS)
    worse = sorted(day for day, _, _ in breaches(found, "recall", "average_precision"))
    assert began <= worse[0] <= began + timedelta(days=1)


def test_results_are_the_trainers_own_on_the_same_rows(made: Kept, quiet: Path) -> None:
    day = served.day(10)
    rows = as_known(judged(made.rows, Span(day, day + DAY)), day + DAY + WEEK)
    scores, review = calibrated(made.calibration, suspicion(rows)), made.manifest.thresholds.review
    assert review is not None
    expected = {
        "average_precision": average_precision_score(rows["is_fraud"], scores),
        "card_precision": card_precision(rows, scores),
        "brier": ((scores - rows["is_fraud"]) ** 2).mean(),
        **at_threshold(rows, scores, review),
    }
    found = {one.metric: one for one in health(quiet, made).of(on(17)).results if one.day == day.date()}
    assert len(rows) < made.rows["event_time"].between(day, day + DAY).sum(), "some cards are known"
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-9), name
    assert found["frauds"].value == rows["is_fraud"].sum()


def test_a_reference_is_of_the_days_that_it_says(made: Kept) -> None:
    found, before = made.reference, UNSEEN.of(made.rows)
    assert Reference.from_json(found.to_json()) == found
    assert (found.begin, found.end, found.days) == (*UNSEEN, REFERENCE_DAYS)
    assert sum(found.payments["amount"].counts) == sum(found.scores.counts) == len(before)
    assert found.payments["is_vpn"].counts[-1] == before["is_vpn"].isna().sum(), "absent"
    assert found.quality["recall"].days == REFERENCE_DAYS


def test_a_label_that_comes_later_changes_nothing_of_a_day(made: Kept, tmp_path: Path) -> None:
    rows = made.rows[made.rows["event_time"] < served.day(20)]
    lake = served.lake(tmp_path, rows, made.manifest, made.calibration)
    before = health(lake, made).of(on(12)).results
    (file,) = (lake / "labels" / f"date={on(12)}").glob("*.parquet")
    table = pq.read_table(file, partitioning=None)
    labels = table.to_pandas()
    for number, changes in ((13, False), (12, True)):
        at = labels["labelled_at"].max() + (number - 12) * DAY
        overruled = labels.assign(is_fraud=~labels["is_fraud"], labelled_at=at, source="chargeback")
        written = pa.Table.from_pandas(overruled, table.schema, preserve_index=False)
        pq.write_table(written, lake / "labels" / f"date={on(number)}" / "overruled.parquet")
        assert (health(lake, made).of(on(12)).results != before) == changes


def test_a_blind_sample_tells_what_is_missed(made: Kept, tmp_path: Path) -> None:
    rows = made.rows[made.rows["event_time"] < served.day(9)]
    lake = served.lake(tmp_path, rows, made.manifest, made.calibration)
    approved = rows[calibrated(made.calibration, suspicion(rows)) < (made.manifest.thresholds.review or 0)]
    of_day = approved[(approved["event_time"] >= served.day(1)) & (approved["event_time"] < served.day(2))]
    sample = pd.concat([of_day[of_day["is_fraud"]].head(2), of_day[~of_day["is_fraud"]].head(48)])
    (file,) = (lake / "labels" / f"date={on(8)}").glob("*.parquet")
    table = pq.read_table(file, partitioning=None).to_pandas()
    table["labelled_by"] = np.where(table["transaction_id"].isin(sample["transaction_id"]), "blind-sample", None)
    table.to_parquet(file, index=False)
    (found,) = [one for one in health(lake, made).of(on(8)).results if one.metric == MISSES]
    assert (found.day, found.value) == (on(1), pytest.approx(2 / 50))
    assert (found.low, found.high) == pytest.approx(quality.wilson(2, 50))


def test_a_delta_lake_says_the_same(made: Kept, quiet: Path, tmp_path: Path) -> None:
    rows = made.rows[made.rows["event_time"] < served.day(9)]
    delta = served.lake(tmp_path, rows, made.manifest, made.calibration, delta=True)
    assert health(delta, made).of(on(8)).results == health(quiet, made).of(on(8)).results


# As a person or a script uses it


def test_what_is_quiet_ends_with_0_and_what_is_not_with_4(
    monitored: Callable[..., tuple[int, str]], quiet: Path, troubled: Path, home: Path
) -> None:
    code, told = monitored(quiet, f"--day={on(30)}")
    assert (code, "Breach" in told) == (0, False)
    first = (served.ATTACK.date() - on(0)).days
    code, told = monitored(troubled, f"--day={on(first)}", "--html=health.html", "--textfile=health.prom")
    assert code == 4
    assert f"{on(first)}: amount of payments is not as it was when the model was made: PSI" in told
    page = (home / "health.html").read_text()
    assert page.count("<img ") >= 5
    assert f"amount, drift of payments, {on(first)}" in page
    gauges = (home / "health.prom").read_text()
    assert 'fraud_model_health_breached{feature="amount",metric="input_drift",model_version=' in gauges


def test_a_script_gets_every_figure(monitored: Callable[..., tuple[int, str]], quiet: Path, made: Kept) -> None:
    code, told = monitored(quiet, "--days=2", "--json")
    rows: list[dict[str, Any]] = json.loads(next(line for line in told.splitlines() if line.startswith("[{")))
    assert code == 0
    assert rows[0].keys() == {"day", "model_version", "metric", "feature", "value", "low", "high", "limit_value", "breached"}
    last = on(JUDGED_DAYS - 1)
    drifts = {row["day"] for row in rows if row["metric"] == INPUTS}
    assert drifts == {str(last - timedelta(days=2)), str(last - timedelta(days=1))}, "the newest day may not be whole"
    assert {row["model_version"] for row in rows} == {made.manifest.version}


def test_a_model_without_a_reference_is_watched_and_has_no_limits(made: Kept, quiet: Path, home: Path, capsys: Any) -> None:
    files = {MODEL: b""}
    known = Description(**{name: getattr(made.manifest, name) for name in Description.model_fields})
    old = describe("xgboost", known, files, UNSEEN.end)
    assert old.format == 1
    assert made.manifest.format == 2
    assert REFERENCE in made.manifest.files
    served.keep_model(home / "models", old, None)
    lake = served.lake(home / "lake", made.rows[made.rows["event_time"] < served.day(9)], old, made.calibration)
    assert training.monitor.main([f"--data={lake}", "--store=models", "--json", f"--day={on(8)}"]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"average_precision", "recall"} <= {row["metric"] for row in rows}
    assert all(row["limit_value"] is None for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--day=2001-01-01"], "has no whole day that is asked for"),
        (["--model=xgboost-20000101-000000-00000000"], "has no model"),
        (["--data=nowhere"], "has no datasets"),
        (["--html=no/folder.html"], "cannot be written"),
        (["--postgres.host=127.0.0.1", "--postgres.port=1"], "cannot be used"),
    ],
)
def test_a_mistake_is_one_paragraph(
    monitored: Callable[..., tuple[int, str]], quiet: Path, capsys: Any, arguments: list[str], said: str
) -> None:
    code, told = monitored(quiet, *arguments)
    assert code == 1
    error = next(line for line in told.splitlines() if line.startswith("error: "))
    assert said in error
