"""What people read of a trained model."""

from typing import Any

import pytest

from training.bundle import in_words
from training.leaks import Leak
from training.summary import show

FOUND: dict[str, Any] = {
    "version": "xgboost-20261126-180310-4166c893",
    "trained_on": {"rows": 28_903, "frauds": 95},
    "judged_on": {"rows": 9_000, "frauds": 36},
    "periods": {"train": ["2026-01-01", "2026-01-20"]},
    "metrics": {"auc_roc": 1.0, "average_precision": 0.9, "brier": 0.00158, "alerted_cards": 123.5},
    "champion": {"version": "other", "average_precision": 0.5},
    "scenarios": [],
    "prequential": {"folds": [], "scenarios": [], "mean": {"auc_roc": 1.0}, "deviation": {"auc_roc": 0.01}},
    "thresholds": {"review": 0.2, "decline": None},
    "leaks": [],
}


def test_a_metric_has_three_decimals(capsys: pytest.CaptureFixture[str]) -> None:
    show(FOUND)
    said = capsys.readouterr().out
    for words in ("AUC", "1.000", "1.000 ± 0.010", "0.900", "0.00158", "123.5", "on the same days: average precision 0.500\n"):
        assert words in said
    assert "Leak" not in said
    assert said.startswith("xgboost-20261126-180310-4166c893: learnt from 28,903 transactions, 95 of them fraud\n")


def test_a_leak_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "30 of 14,990 labels were known before their transaction was made. " + "Check labelled_at. " * 5
    show({**FOUND, "leaks": [Leak("label_before_transaction", sentence, {}).json()]})
    assert f"Leak? {sentence}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("metric", "value", "sign", "words"),
    [("auc_roc", 1, "", "1.000"), ("average_precision", -0.05, "+", "-0.050"), ("recall", 0.05, "+", "+0.050")],
)
def test_a_difference_has_a_sign(metric: str, value: float, sign: str, words: str) -> None:
    assert in_words(metric, value, sign) == words
