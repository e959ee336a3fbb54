"""A model learns from what was known, is judged on what it has not seen, and is saved as what it is."""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from spark_jobs.features import MODEL_INPUTS
from spark_jobs.settings import S3
from tests.labelled import BEGIN, SPARSE, kept, payments
from training import fitting
from training.bundle import MODEL, REFERENCE, TrainedFamily, TrainedOn, describe, model_file
from training.calibration import calibrated
from training.candidates import Candidate, train
from training.dataset import Reach, as_known, inputs, read
from training.export import ExportDiffers, onnx_scores, require_same, to_onnx
from training.families import FAMILIES, raw_scores
from training.fitting import Rival
from training.health.reference import Reference
from training.splits import DAY, WEEK, Span, TooLittleHistory, folds, periods
from training.store import ModelStore
from training.train_model import promote, rival
from training.train_settings import TrainSettings
from training.versions import save

REACH = Reach(BEGIN, BEGIN + 50 * DAY - timedelta(seconds=1))


def settings(tmp_path: Path, **changes: Any) -> TrainSettings:
    return TrainSettings(data="unused", store=str(tmp_path / "models"), **{"cards_per_day": 8, **changes})


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept(tmp_path_factory.mktemp("events"), payments())


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So little is learnt here that more would only wait for each other."""
    with threadpool_limits(1):
        yield


@cache
def learnt(family: TrainedFamily) -> Pipeline:
    return fitting.learn(family, payments(10))


@pytest.fixture(scope="module")
def candidate(events: Path) -> Candidate:
    return train(TrainSettings(data="unused", family="decision_tree", cards_per_day=8), events, REACH)


def test_a_delay_lies_between_what_is_learnt_calibrated_and_judged_on() -> None:
    found = periods(BEGIN + timedelta(hours=3), BEGIN + 183 * DAY - timedelta(seconds=1), WEEK)
    assert found.test == (BEGIN + 168 * DAY, BEGIN + 175 * DAY)
    assert found.validation == (BEGIN + 154 * DAY, BEGIN + 161 * DAY)
    assert found.train == (BEGIN + 70 * DAY, BEGIN + 147 * DAY), "eleven weeks, no more"


def test_short_data_are_judged_on_fewer_days_and_too_short_ones_not_at_all() -> None:
    found = periods(BEGIN, BEGIN + 30 * DAY, WEEK)
    assert [(one.end - one.begin) // DAY for one in found] == [5, 2, 2]
    assert found.validation.begin - found.train.end == found.test.begin - found.validation.end == WEEK
    assert [(one.end - one.begin) // DAY for one in periods(BEGIN, BEGIN + 25 * DAY, WEEK)] == [2, 1, 1]
    with pytest.raises(TooLittleHistory, match=r"have 24\.0 days, and at least 25 whole ones are needed"):
        periods(BEGIN, BEGIN + 24 * DAY, WEEK)
    assert periods(BEGIN, BEGIN + 7 * DAY, DAY).test == (BEGIN + 5 * DAY, BEGIN + 6 * DAY)


def test_each_fold_learns_until_a_delay_before_it_is_judged() -> None:
    found = periods(BEGIN, BEGIN + 70 * DAY, WEEK)
    spans = folds(found, BEGIN, 3)
    assert [test for _, test in spans] == [Span(found.test.begin - one * WEEK, found.test.end - one * WEEK) for one in range(3)]
    assert all(test.begin - learnt.end == WEEK and learnt.begin == BEGIN for learnt, test in spans)
    with pytest.raises(TooLittleHistory, match="too few days for 8 folds"):
        folds(found, BEGIN, 8)


def test_a_row_bears_what_was_known_of_it_at_the_time(tmp_path: Path) -> None:
    rows = payments(3, 4)
    rows["is_fraud"], rows["scenario"] = True, "theft"
    known = rows.iloc[[0, 1, 2, 3, 3]].copy()
    now = rows["event_time"].iloc[-1].to_pydatetime()
    known["labelled_at"] = pd.to_datetime([now - DAY, now, now + timedelta(microseconds=1), now - 2 * DAY, now - DAY])
    known["is_fraud"] = [True, True, True, True, False]
    known["source"] = ["issuer", None, "issuer", "chargeback", "analyst"]
    overruled = known.iloc[[0, 0]].assign(is_fraud=False, source=["synthetic", "customer"])
    of_another_card = known.iloc[[0]].assign(labelled_at=now, is_fraud=False, card_id="another")
    known = pd.concat([known, overruled, of_another_card])
    found = read(kept(tmp_path, pd.concat([rows, rows.tail(2)]), known), Span(BEGIN, BEGIN + 3 * DAY), now)
    assert found["transaction_id"].tolist() == rows["transaction_id"].tolist(), "a repeat counts once"
    assert found["is_fraud"].tolist() == [True, True] + [False] * 10, "not known yet, corrected, without a label"
    assert as_known(found, now - DAY)["is_fraud"].tolist() == [True] + [False] * 11


def test_labels_that_came_later_are_not_learnt_from(tmp_path: Path) -> None:
    rows = payments()
    found = periods(rows["event_time"].min(), rows["event_time"].max(), WEEK)
    rows["labelled_at"] = rows["labelled_at"].clip(lower=found.validation.begin + timedelta(seconds=1))
    with pytest.raises(TooLittleHistory, match=r"There are 0 known frauds to learn from .*at least 20 are needed"):
        train(settings(tmp_path), kept(tmp_path / "events", rows), REACH)


def test_cards_whose_fraud_is_known_are_not_judged_on() -> None:
    rows = payments()
    span = periods(rows["event_time"].min(), rows["event_time"].max(), WEEK).test
    left = fitting.judged(rows, span)
    stolen = rows[rows["is_fraud"] & (rows["event_time"] >= span.begin - 2 * WEEK)]
    for day in range(7):
        begin = span.begin + day * DAY
        known = set(stolen.loc[stolen["labelled_at"] < begin, "card_id"])
        today = Span(begin, begin + DAY)
        assert known
        assert set(today.of(left)["card_id"]) == set(today.of(rows)["card_id"]) - known


@pytest.mark.parametrize("family", [one for one in FAMILIES if model_file(one) == MODEL])  # others need Spark: tests/spark
def test_each_family_scores_as_onnx_as_it_does_in_python(family: TrainedFamily) -> None:
    model = learnt(family)
    unseen = inputs(payments(30, 400, seed=1))
    draws = np.random.default_rng(2)
    unseen[draws.random(unseen.shape) < 0.05] = np.nan
    assert require_same(family, to_onnx(model, unseen.shape[1]), model, unseen) <= 1e-6
    fraud = payments(30, 400, seed=1)["is_fraud"].to_numpy()
    scores = raw_scores(model, unseen)
    assert scores[fraud].mean() > scores[~fraud].mean(), "more is more suspicious"
    again = fitting.learn(family, payments(10))
    assert to_onnx(again, unseen.shape[1]) == to_onnx(model, unseen.shape[1]), "one model is one file"


@pytest.mark.parametrize("family", ["decision_tree", "random_forest", "xgboost", "isolation_forest"])
def test_a_value_at_a_threshold_goes_the_same_way(family: TrainedFamily) -> None:
    model = learnt(family)
    places = thresholds(model)
    draws = np.random.default_rng(3)
    edge = inputs(payments(10, 100, seed=1))
    for feature, values in places.items():
        edge[:, feature] = draws.choice(values.astype(np.float32), len(edge))
    assert len(places) > 5
    assert require_same(family, to_onnx(model, edge.shape[1]), model, edge) <= 1e-6


def thresholds(model: Pipeline) -> dict[int, np.ndarray]:
    """Returns at which values the model's trees split each feature."""
    last = model[-1]
    if isinstance(last, XGBClassifier):
        splits = last.get_booster().trees_to_dataframe().query("Feature != 'Leaf'")
        features, values = splits["Feature"].str[1:].astype(int).to_numpy(), splits["Split"].to_numpy()
    else:
        trees = [one.tree_ for one in getattr(last, "estimators_", [last])]
        features, values = (np.concatenate([getattr(one, name) for one in trees]) for name in ("feature", "threshold"))
    return {one: values[features == one] for one in range(len(MODEL_INPUTS)) if (features == one).any()}


def test_a_file_that_scores_differently_is_refused() -> None:
    rows = payments(10)
    one, other = (fitting.learn("decision_tree", rows.tail(count)) for count in (2_000, 1_900))
    with pytest.raises(ExportDiffers, match="scores differently"):
        require_same("decision_tree", to_onnx(one, len(MODEL_INPUTS)), other, inputs(rows))


def test_what_is_saved_is_what_was_judged(candidate: Candidate, events: Path, tmp_path: Path) -> None:
    found = save(settings(tmp_path, family="decision_tree"), candidate)
    store = ModelStore(str(tmp_path / "models"), S3())
    manifest = store.require_usable(found["version"])
    assert manifest.features == MODEL_INPUTS
    assert manifest.calibration is not None
    rows = read(events, Span(BEGIN, REACH.last), REACH.last)
    rows = fitting.judged(rows, periods(*REACH, WEEK).test)
    scores = calibrated(manifest.calibration, onnx_scores(store.files(found["version"])[MODEL], inputs(rows)))
    assert manifest.thresholds.review is not None
    alerts = scores >= manifest.thresholds.review
    assert rows["is_fraud"][alerts].mean() == pytest.approx(manifest.metrics["precision"])
    reference = Reference.from_json(store.files(found["version"])[REFERENCE])
    cut = periods(*REACH, WEEK)
    assert (reference.begin, reference.end) == (cut.train.end, cut.test.end), "the days that it has not learnt from"
    assert reference.payments.keys() == set(MODEL_INPUTS)
    assert reference.quality["precision"].days == reference.days
    report = json.loads((tmp_path / "models" / found["version"] / "report" / "report.json").read_text())
    assert report == json.loads(json.dumps(found))
    pictures = {"precision-recall.png", "calibration.png", "scores.png", "scenarios.png", "thresholds.png"}
    assert {one.name for one in (tmp_path / "models" / found["version"] / "report").glob("*.png")} == pictures


def test_a_champion_is_judged_on_the_days_of_the_candidate(candidate: Candidate, events: Path, tmp_path: Path) -> None:
    known = candidate.known
    assert known.trained_on is not None
    own = known.metrics["average_precision"]
    lucky = known.model_copy(update={"metrics": {"average_precision": 0.999}})  # its own week was an easy one
    files = {MODEL: candidate.content}
    champion = describe("decision_tree", lucky, files, BEGIN)
    store = ModelStore(str(tmp_path / "models"), S3())
    store.add(champion, files)
    store.point("champion", champion.version, "a test")
    chosen = settings(tmp_path, family="decision_tree", promote=True)
    found = save(chosen, train(chosen, events, REACH, rival(chosen)))
    assert found["champion"]["version"] == champion.version
    assert found["champion"]["average_precision"] == pytest.approx(own), "the same model on the same rows"
    promote(chosen, found)
    pointer = store.pointer("champion")
    assert pointer is not None
    assert pointer.version == found["version"]
    assert "on the same days" in pointer.reason


def test_a_champion_that_has_learnt_from_the_days_is_not_judged_on_them(candidate: Candidate, events: Path) -> None:
    known = candidate.known
    assert known.trained_on is not None
    late = TrainedOn(**{**dict(known.trained_on), "end": REACH.last - 8 * DAY})
    files = {MODEL: candidate.content}
    for changes in ({"trained_on": late}, {"trained_on": None}):
        champion = describe("decision_tree", known.model_copy(update=changes), files, BEGIN)
        report = train(TrainSettings(data="unused", family="decision_tree"), events, REACH, Rival(champion, files)).report
        assert report["champion"] is None


def test_usual_values_are_those_of_genuine_payments(candidate: Candidate) -> None:
    usual = dict(zip(MODEL_INPUTS, candidate.known.usual or (), strict=True))
    rows = payments()
    train_rows = rows[rows["event_time"] <= candidate.known.trained_on.end]  # type: ignore[union-attr]
    assert usual["amount"] == pytest.approx(train_rows.loc[~train_rows["is_fraud"], "amount"].median())
    assert all(usual[name] is None for name in SPARSE)
    assert [name for name, value in usual.items() if value is None] == [one for one in MODEL_INPUTS if one in SPARSE]


def test_a_forest_without_labels_ranks_by_what_it_has_learnt(tmp_path: Path) -> None:
    rows = payments(50, 100)
    found = train(settings(tmp_path, family="isolation_forest"), kept(tmp_path / "events", rows, rows.head(0)), REACH)
    assert found.known.metrics == {}
    assert found.known.thresholds.review is not None
    assert found.known.thresholds.decline is None, "nobody knows what is fraud"


def test_a_leak_is_in_the_report(candidate: Candidate, tmp_path: Path) -> None:
    assert candidate.report["leaks"] == []
    rows = payments()
    rows.loc[rows.index[:7], "labelled_at"] = BEGIN - DAY
    report = train(settings(tmp_path, family="decision_tree"), kept(tmp_path / "events", rows), REACH).report
    (leak,) = report["leaks"]
    assert (leak["kind"], leak["labels"]) == ("label_before_transaction", 7)
    assert leak["sentence"].startswith("7 of ")


def test_folds_are_judged_as_the_handbook_judges(events: Path, candidate: Candidate) -> None:
    found = train(TrainSettings(data="unused", family="decision_tree", folds=2), events, REACH).report
    assert found["prequential"]["mean"].keys() == {"auc_roc", "average_precision", "card_precision"}
    assert 0 < found["prequential"]["mean"]["average_precision"] < 1
    assert len(found["prequential"]["folds"]) == 2
    assert found["metrics"] == pytest.approx(
        train(TrainSettings(data="unused", family="decision_tree"), events, REACH).report["metrics"]
    )
