"""A leak is found and named where one is planted, and nobody is accused of one who has none."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.labelled import BEGIN, payments
from training import fitting
from training.fitting import Rows
from training.leaks import ASKED, Leak, early_labels, known_cards, leaks, separating_features, shared_transactions, single_auc
from training.splits import DAY, WEEK, Span, periods

PERIODS = periods(BEGIN, BEGIN + 50 * DAY - timedelta(seconds=1), WEEK)


def found(rows: pd.DataFrame) -> list[Leak]:
    return leaks(rows, fitting.cut(rows, PERIODS), PERIODS.test)


@pytest.mark.parametrize("name", ["amount", "card_count_1h"])
@pytest.mark.parametrize(("times", "least", "most"), [(15, 0.95, 0.985), (1e6, 1.0, 1.0)])
def test_a_sound_world_in_which_the_amount_tells_most_or_all_is_not_accused(
    name: str, times: float, least: float, most: float
) -> None:
    rows = payments()
    rows[name] = np.random.default_rng(5).lognormal(3, 1, len(rows)) * np.where(rows["is_fraud"], times, 1)
    assert least <= roc_auc_score(rows["is_fraud"], rows[name]) <= most
    is_accused = name != "amount" and most == 1
    assert bool(found(rows)) == is_accused


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("wrong", [0, 0.005])
def test_a_feature_that_knows_the_label_is_named(direction: int, wrong: float) -> None:
    rows = payments()
    is_wrong = np.random.default_rng(6).random(len(rows)) < wrong
    rows["card_count_1h"] = direction * (rows["is_fraud"] ^ is_wrong).astype(float)
    (leak,) = found(rows)
    assert leak.json() == {"kind": "feature_separates_alone", "feature": "card_count_1h", **leak.figures, "sentence": leak.sentence}
    assert leak.figures["auc_roc"] == pytest.approx(1 - wrong, abs=0.005)
    assert f"The feature card_count_1h alone tells fraud from genuine, with AUC {leak.figures['auc_roc']:.3f}" in leak.sentence


@pytest.mark.parametrize("is_filled_in", [True, False])
def test_a_feature_that_is_there_or_absent_where_there_is_fraud_is_named(is_filled_in: bool) -> None:
    rows = payments()
    rows.loc[rows["is_fraud"] ^ is_filled_in, "card_count_1d"] = np.nan
    assert [leak.figures["feature"] for leak in found(rows)] == ["card_count_1d"]


def test_a_feature_is_not_accused_on_a_handful_of_frauds() -> None:
    rows = payments()
    rows["card_count_1h"] = rows["is_fraud"].astype(float)
    few = Rows(*fitting.cut(rows, PERIODS))
    assert len(separating_features(few)) == 1
    frauds = few.test["is_fraud"]
    assert separating_features(few._replace(test=pd.concat([few.test[~frauds], few.test[frauds].head(19)]))) == []
    assert separating_features(few._replace(test=few.test[~frauds])) == []


def test_each_feature_is_weighed_as_scikit_learn_would() -> None:
    rows = payments(10)
    whole = [name for name in ASKED if rows[name].notna().all()]
    expected = [max(auc, 1 - auc) for auc in (roc_auc_score(rows["is_fraud"], rows[name]) for name in whole)]
    assert single_auc(rows)[whole].to_numpy() == pytest.approx(np.array(expected))


def test_labels_that_are_known_before_their_transaction_are_counted() -> None:
    rows = payments()
    rows.loc[rows.index[:30], "labelled_at"] = rows["event_time"] - timedelta(microseconds=1)
    rows.loc[rows.index[30:40], "labelled_at"] = rows["event_time"]
    rows.loc[rows.index[40:50], "labelled_at"] = pd.NaT
    (leak,) = early_labels(rows)
    assert leak in found(rows)
    assert leak.figures == {"labels": 30, "of": len(rows) - 10}
    assert leak.sentence.startswith("30 of 14,990 labels were known before their transaction was made.")


def test_a_transaction_on_both_sides_of_a_split_is_counted() -> None:
    parts = fitting.cut(payments(), PERIODS)
    assert shared_transactions(parts._replace(test=pd.concat([parts.test, parts.test]))) == []
    both = pd.concat([parts.train.head(3), parts.train.head(3), parts.validation.head(2), parts.test])
    (leak,) = shared_transactions(parts._replace(test=both))
    assert leak.figures == {"transactions": 5}
    assert leak.sentence.startswith("5 transactions are both learnt from and judged on.")


def test_a_card_that_was_known_and_is_judged_is_counted() -> None:
    rows = payments()
    everything = PERIODS.test.of(rows)
    known = rows[rows["is_fraud"] & rows["labelled_at"].between(PERIODS.test.begin - WEEK, PERIODS.test.begin, inclusive="left")]
    (leak,) = known_cards(rows, everything, PERIODS.test)
    assert leak.figures == {"cards": len(set(known["card_id"]) & set(everything["card_id"]))}
    assert "cards are judged although their fraud was known in the week before 2026-02-05" in leak.sentence


def test_a_card_is_not_judged_however_late_its_label_came() -> None:
    rows = payments()
    late = rows["event_time"] < PERIODS.test.begin - 3 * WEEK
    rows.loc[late, "labelled_at"] = PERIODS.test.begin - DAY
    stolen = set(rows.loc[late & rows["is_fraud"], "card_id"])
    assert stolen & set(PERIODS.test.of(rows)["card_id"])
    assert not stolen & set(fitting.judged(rows, PERIODS.test)["card_id"])
    assert found(rows) == []


def test_a_card_is_judged_again_a_week_after_its_fraud_was_known() -> None:
    rows = payments(2, 2).assign(card_id="a", is_fraud=[True, False, False, False])
    span = Span(BEGIN + DAY, BEGIN + 2 * DAY)
    for before, judged in ((WEEK, 0), (WEEK + timedelta(microseconds=1), len(span.of(rows)))):
        rows["labelled_at"] = span.begin - before
        assert len(fitting.judged(rows, span)) == judged
