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
    "skew": None,
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


def test_what_was_served_otherwise_is_a_line_a_feature(capsys: pytest.CaptureFixture[str]) -> None:
    told: dict[str, Any] = {"payments": 12_000, "of_other_features": 0, "not_compared": ["speed_kmh"], "features": []}
    show({**FOUND, "skew": told})
    few = "12,000 payments were served with the features that are learnt from; the archive is too short to compare 1 of them\n"
    assert few in capsys.readouterr().out
    example = {"transaction_id": "[t7]", "served": None, "computed": 2.0}
    one = {"feature": "card_count_1h", "compared": 10_000, "differing": 5, "share": 0.0005, "largest": 1.0, "example": example}
    before = {**one, "feature": "speed_kmh", "compared": 0, "differing": 0, "share": 0.0, "example": None}
    times = {"first": "2026-01-01T00:00:00Z", "last": "2026-01-02T00:00:00Z"}
    show({**FOUND, "skew": {**told, "of_other_features": 3, "features": [{**one, **times}, before]}})
    said = capsys.readouterr().out
    days = "from 2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z"
    values = "such as [t7] (served absent, computed 2)"
    assert f"Skew? card_count_1h differs in 5 of 10,000 payments (0.05%), by up to 1, {days}, {values}\n" in said
    assert "3 payments were served with other features, and are not compared\n" in said
    assert "speed_kmh" not in said


@pytest.mark.parametrize(
    ("metric", "value", "sign", "words"),
    [("auc_roc", 1, "", "1.000"), ("average_precision", -0.05, "+", "-0.050"), ("recall", 0.05, "+", "+0.050")],
)
def test_a_difference_has_a_sign(metric: str, value: float, sign: str, words: str) -> None:
    assert in_words(metric, value, sign) == words
