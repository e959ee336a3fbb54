"""A challenger is judged by payments that both models have scored and whose labels have come, with an interval that tells luck."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score
from typer.testing import CliRunner

from harness import scored
from spark_jobs.settings import S3
from tests.labelled import payments
from tests.models import added
from training import challenger
from training.challenger import Beside
from training.lake import Lake
from training.models import app
from training.store import ModelStore, RoleRefused

DAYS, WEEK = 24, 7


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(str(tmp_path / "models"), S3())


def world() -> pd.DataFrame:
    rows = payments(DAYS, 300, seed=11)
    return rows.assign(card_id=np.random.default_rng(11).integers(0, 20_000, len(rows)).astype(str))


def suspicion(rows: pd.DataFrame, knows: float, seed: int) -> np.ndarray:
    """Returns scores that know so much of the truth."""
    return np.clip(np.random.default_rng(seed).beta(2, 5, len(rows)) + knows * rows["is_fraud"].to_numpy(), 0, 1)


def asked(tmp_path: Path, store: ModelStore, ours: float, theirs: float, days: int = WEEK, **limits: Any) -> Beside:
    """Returns how models compare that know so much; they have scored the same payments for two weeks, before that one alone has."""
    champion, other = added(store, 1), added(store, 2)
    store.point("champion", champion.version, "")
    rows = world()
    beside = suspicion(rows, theirs, 2)
    beside[rows["event_time"] < rows["event_time"].iloc[0].normalize() + pd.Timedelta(days=limits.pop("since", 5))] = np.nan
    lake = scored.lake(tmp_path / "lake", rows, suspicion(rows, ours, 1), champion, challenger=(other.version, beside))
    return challenger.judge(Lake(str(lake), S3()), store, other.version, days, limits.get("min_frauds", 20))


def kinds(found: Beside) -> list[str]:
    return [one.kind for one in challenger.reasons(found)]


def test_a_worse_challenger_is_refused_with_its_interval(tmp_path: Path, store: ModelStore) -> None:
    found = asked(tmp_path, store, ours=0.5, theirs=0.1)
    # 24 days: the last may not be over, and the labels of the seven before that one's end are still to come.
    assert found.days == [f"2026-01-{number}" for number in range(10, 17)]
    assert found.high is not None
    assert found.high < 0
    assert kinds(found) == ["worse_live"]
    assert f"that of the champion {found.champion} 0." in challenger.sentence(found)


@pytest.mark.parametrize(("ours", "theirs"), [(0.1, 0.5), (0.3, 0.3)])
def test_a_better_one_and_one_as_good_pass(tmp_path: Path, store: ModelStore, ours: float, theirs: float) -> None:
    found = asked(tmp_path, store, ours, theirs)
    assert kinds(found) == []
    assert found.low is not None
    assert found.high is not None
    assert (found.low > 0) == (theirs > ours)
    assert found == challenger_again(tmp_path, store), "asked again, it says the same"


def challenger_again(tmp_path: Path, store: ModelStore) -> Beside:
    newest = store.versions()[0].version
    return challenger.judge(Lake(str(tmp_path / "lake"), S3()), store, newest, WEEK, 20)


def test_both_are_judged_on_the_same_payments_as_the_trainer_would(tmp_path: Path, store: ModelStore) -> None:
    found = asked(tmp_path, store, 0.3, 0.4)
    rows = world()
    of_days = rows[rows["event_time"].dt.date.astype(str).isin(found.days)]
    ours, theirs = (pd.Series(suspicion(rows, *one), index=rows.index)[of_days.index] for one in ((0.3, 1), (0.4, 2)))
    known = len(of_days) - found.payments
    assert 0 <= known < 0.02 * len(of_days), "but for cards whose fraud is known"
    for scores, said in ((ours, found.champion_ap), (theirs, found.challenger_ap)):
        assert said == pytest.approx(average_precision_score(of_days["is_fraud"], scores), abs=0.03)


def test_too_little_that_has_matured_is_refused(tmp_path: Path, store: ModelStore) -> None:
    found = asked(tmp_path, store, 0.3, 0.3, since=13, min_frauds=200)
    assert len(found.days) == 3
    assert kinds(found) == ["few_days", "few_frauds_live"]


def test_a_challenger_that_has_scored_nothing_is_refused(tmp_path: Path, store: ModelStore) -> None:
    found = asked(tmp_path, store, 0.3, 0.3, since=DAYS)
    assert (found.payments, found.low) == (0, None)
    assert kinds(found) == ["few_days", "few_frauds_live"]
    with pytest.raises(RoleRefused):
        challenger.judge(Lake(str(tmp_path / "lake"), S3()), store, found.champion, WEEK, 20)


def test_average_precision_is_that_of_the_trainer_equal_scores_too() -> None:
    draws = np.random.default_rng(3)
    truth, scores = draws.random(3_000) < 0.05, draws.integers(0, 50, 3_000) / 50
    weights = draws.integers(0, 4, 3_000).astype(float)
    ranked = challenger._Ranked(scores, truth)
    assert ranked.precision(weights) == pytest.approx(average_precision_score(truth, scores, sample_weight=weights))


def test_the_gate_tells_it(tmp_path: Path, store: ModelStore) -> None:
    found = asked(tmp_path, store, 0.5, 0.1)
    arguments = [
        "judge",
        found.challenger,
        "--challenged",
        "7d",
        "--data",
        str(tmp_path / "lake"),
        "--store",
        store.place,
        "--json",
    ]
    done = CliRunner().invoke(app, arguments)
    told = json.loads(done.output)
    assert (done.exit_code, [one["kind"] for one in told["reasons"]]) == (6, ["worse_live"])
    assert told["challenged"]["days"] == found.days
