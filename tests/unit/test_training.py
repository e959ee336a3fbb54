"""Models are judged as the Fraud Detection Handbook judges them, on what could have been known."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from benchmarks.handbook import BASELINE, LeakSuspected, refuse_leak, split
from training.metrics import card_precision, measure
from training.splits import DAY, WEEK


def paid(*rows: tuple[float, str, bool]) -> pd.DataFrame:
    """Returns transactions from (days after BASELINE, card, whether fraud)."""
    days, cards, frauds = zip(*rows, strict=True)
    times = pd.to_datetime([BASELINE + timedelta(days=day) for day in days])
    return pd.DataFrame({"event_time": times, "card_id": cards, "is_fraud": frauds})


def test_a_week_to_learn_a_week_to_wait_a_week_to_be_judged() -> None:
    rows = paid(*((day, f"card-{day}", False) for day in (-0.1, 0, 6.9, 7, 13.9, 14, 20.9, 21)))
    train, test = split(rows, BASELINE)
    assert list(train["card_id"]) == ["card-0", "card-6.9"]
    assert list(test["card_id"]) == ["card-14", "card-20.9"]


@pytest.mark.parametrize(
    ("fraud_on", "judged_on"), [(0, ()), (6.9, ()), (7.5, (14,)), (8, (14, 15)), (13, (14, 15, 20)), (-1, (14, 15, 20))]
)
def test_a_card_is_judged_until_its_fraud_could_be_known(fraud_on: float, judged_on: tuple[int, ...]) -> None:
    rows = paid((fraud_on, "stolen", True), *((day, "stolen", False) for day in (14, 15, 20)))
    _, test = split(rows, BASELINE)
    days = (test["event_time"] - BASELINE) // DAY
    assert tuple(days) == judged_on


def test_another_delay_moves_the_week_that_is_judged() -> None:
    rows = paid(*((day, f"card-{day}", False) for day in range(30)))
    assert list(split(rows, BASELINE, delay=2 * WEEK).test["card_id"]) == [f"card-{day}" for day in range(21, 28)]


def test_card_precision_counts_cards_and_blocks_those_that_are_found() -> None:
    rows = paid((0, "a", True), (0.1, "a", True), (0.2, "b", False), (0.3, "c", True), (1, "a", True), (1.1, "c", True))
    scores = np.array([0.9, 0.8, 0.7, 0.1, 0.9, 0.8])
    # Day 0: a and b are looked at, a is one hit. Day 1: a is blocked, c is the one card left.
    assert card_precision(rows, scores, cards=2) == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert card_precision(rows, scores, cards=1) == pytest.approx((1 + 1) / 2)


def test_a_perfect_score_and_a_constant_one() -> None:
    rows = paid(*((0.001 * number, f"card-{number}", number < 10) for number in range(1_000)))
    perfect = measure(rows, rows["is_fraud"].to_numpy(float))
    assert perfect == (1.0, 1.0, 0.1)
    assert measure(rows, np.zeros(1_000))[:2] == (0.5, 0.01)


def test_more_history_is_learnt_from_and_changes_nothing_of_what_is_judged() -> None:
    rows = paid((-3, "old", True), (1, "new", False), (14, "old", False))
    train, test = split(rows, BASELINE, history=timedelta(days=3))
    assert list(train["card_id"]) == ["old", "new"]
    assert list(test["card_id"]) == ["old"]


def test_a_score_that_knows_the_label_raises_the_alarm() -> None:
    rows = paid(*((0.001 * number, f"card-{number}", number % 50 == 0) for number in range(1_000)))
    blind = np.random.default_rng(0).random(1_000)
    refuse_leak("blind", measure(rows, blind))
    with pytest.raises(LeakSuspected, match=r"leaky: auc_roc .*average_precision"):
        refuse_leak("leaky", measure(rows, blind + rows["is_fraud"]))
