"""What a backtest says of alerts whose truth is known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from configuration import InvalidSettings
from training.backtest import MODEL, judgement, load_rules

FIRST = datetime(2018, 4, 1, tzinfo=UTC)


def decided(*rows: tuple[str, float, str, list[str], bool, bool | None]) -> pd.DataFrame:
    columns = ["card_id", "amount", "decision", "rules", "by_model", "is_fraud"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["event_time"] = [FIRST + timedelta(days=2) * number / (len(rows) - 1) for number in range(len(rows))]
    return frame.assign(fraud_score=0.5)


def test_alerts_are_judged_together_and_by_rule() -> None:
    found = judgement(
        decided(
            ("a", 10.0, "review", ["large"], False, True),
            ("b", 20.0, "decline", ["large", "night"], True, True),
            ("c", 40.0, "review", ["night"], False, False),
            ("d", 80.0, "approve", [], False, True),
            ("e", 1.0, "review", [], True, True),
            ("f", 1.0, "approve", [], False, False),
            ("g", 5.0, "review", ["large"], False, None),
        ),
        [MODEL, "large", "night", "never"],
    )
    assert (found["transactions"], found["unlabelled"], found["frauds"], found["fraud_money"]) == (6, 1, 4, 111.0)
    days = found["days"]
    assert days == pytest.approx(5 / 3, abs=0.01)
    assert found["total"] == {"alerts_a_day": round(4 / (5 / 3), 2), "precision": 0.75, "recall": 0.75, "money_saved": 31.0}
    rules = found["rules"]
    assert (rules["large"]["precision"], rules["large"]["recall"], rules["large"]["alone"]) == (1.0, 0.5, 1)
    assert (rules["night"]["precision"], rules["night"]["alone"]) == (0.5, 0)
    assert (rules[MODEL]["money_saved"], rules[MODEL]["alone"]) == (21.0, 1)
    assert (rules["never"]["precision"], rules["never"]["recall"]) == (None, 0.0)


def test_nothing_known_is_nothing_judged() -> None:
    found = judgement(decided(("a", 1.0, "review", [], True, None), ("b", 1.0, "review", [], True, None)), [MODEL])
    assert (found["transactions"], found["unlabelled"], found["total"]["precision"]) == (0, 2, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: {a: {when: 'amount > 1', action: maybe, reason: x}}", "rules.a.action"),
        ("rules: {a: {when: 'amount > 1'}}", "rules.a.reason"),
        ("trigger: {}", "rules: "),
        ("[1]", "no YAML mapping"),
        ("a: [", "no YAML mapping"),
    ],
)
def test_wrong_rules_are_told_with_their_place(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    with pytest.raises(InvalidSettings, match=says):
        load_rules(file)


def test_a_detectors_own_file_will_do(tmp_path: Path) -> None:
    file = tmp_path / "detector.yaml"
    file.write_text("trigger: {mode: realTime}\nrules: {a: {when: 'amount > 1', reason: x}}\n")
    assert load_rules(file)["a"].when == "amount > 1"
