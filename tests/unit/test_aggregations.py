"""Definitions of features: a wrong one is refused when it is made, with what to do."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contract import Customer, Label, Transaction
from spark_jobs.aggregations import GroupBy, check_row_features
from spark_jobs.errors import InvalidFeature
from spark_jobs.features import CARD, FEATURE_COLUMNS, GROUPS, TERMINAL
from spark_jobs.vocabulary import Aggregation, Condition, Derived, Operation, Range, RowFeature, days, hours

COUNT = Aggregation(Operation.COUNT, windows=(hours(1),))


def group(*aggregations: Aggregation) -> GroupBy:
    return GroupBy("card", "card_id", days(30), aggregations)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Aggregation(Operation.SUM, "amuont", windows=(hours(1),)), "Transaction has no column amuont"),
        (Aggregation(Operation.SUM, windows=(hours(1),)), "of which column?"),
        (Aggregation(Operation.SUM, "latitude", windows=(hours(1),)), "type does not fit"),
        (Aggregation(Operation.UNIQUE_COUNT, "amount", windows=(hours(1),)), "type does not fit"),
        (Aggregation(Operation.COUNT), "over which windows?"),
        (Aggregation(Operation.COUNT, windows=(days(31),)), "window 31d with delay 0s does not fit into the retention of 30d"),
        (Aggregation(Operation.COUNT, windows=(days(28),), delay=days(7)), "window 28d with delay 7d does not fit"),
        (Aggregation(Operation.COUNT, windows=(timedelta(0),)), "does not fit"),
        (replace(COUNT, where=Condition("odd", "label.is_fraud")), "the condition names label.is_fraud"),
        (replace(COUNT, of=Label, where=Condition("odd", "label.amount > 1")), "the condition names label.amount"),
        (Aggregation(Operation.LAST, "signup_date", of=Customer, windows=(days(1),)), "only the newest is kept"),
        (Aggregation(Operation.COUNT, of=Customer), "only the newest is kept"),
        (Aggregation(Operation.PAST_AVERAGE, "amount", windows=(days(1),), delay=days(1)), "it leaves out the current transaction"),
        (
            Aggregation(Operation.SUM, Derived("amount", "transaction.billing"), windows=(days(1),)),
            "the column names transaction.billing",
        ),
        (Aggregation(Operation.SUM, Derived("vpn", "transaction.amount"), windows=(days(1),)), "type does not fit"),
    ],
)
def test_a_wrong_definition_is_refused(wrong: Aggregation, says: str) -> None:
    with pytest.raises(InvalidFeature, match=says.replace("?", r"\?")) as refused:
        group(wrong)
    assert "card: " in str(refused.value)


def test_names_are_unique() -> None:
    with pytest.raises(InvalidFeature, match="card_count_1h"):
        group(COUNT, COUNT)
    with pytest.raises(InvalidFeature, match="amount"):
        check_row_features([RowFeature("amount", "1", "One", "ratio", Range())], Transaction.__slots__)


def test_names_say_what_is_computed() -> None:
    declined = Condition("declined", "transaction.response_code <> 'approved'")
    made = group(
        Aggregation(Operation.COUNT, windows=(timedelta(minutes=10), days(7)), delay=days(7), where=declined),
        Aggregation(Operation.AVERAGE, "amount", windows=(days(1),)),
    )
    assert [one.name for one in made.outputs] == [
        "card_declined_count_10m_delay_7d",
        "card_declined_count_7d_delay_7d",
        "card_average_amount_1d",
    ]


def test_every_change_of_a_plan_changes_its_hash() -> None:
    one: dict[str, Any] = json.loads(group(COUNT).plan)
    assert one["aggregations"] == [
        {"name": "card_count_1h", "operation": "COUNT", "of": "transaction", "value": None, "where": None}
        | {"window": 3_600_000_000, "delay": 0}
    ]
    others = [
        group(replace(COUNT, windows=(hours(2),))),
        group(replace(COUNT, delay=hours(1))),
        group(replace(COUNT, of=Label)),
        group(COUNT, Aggregation(Operation.MAX, "amount", windows=(hours(1),))),
        group(COUNT, Aggregation(Operation.MAX, Derived("amount", "2 * transaction.amount"), windows=(hours(1),))),
        GroupBy("card", "card_id", days(31), (COUNT,)),
    ]
    assert len({group(COUNT).plan_hash, *(other.plan_hash for other in others)}) == 7


def test_the_feature_set_is_complete() -> None:
    assert len(FEATURE_COLUMNS) == len(set(FEATURE_COLUMNS))
    assert not set(FEATURE_COLUMNS) & set(Transaction.__slots__)
    assert GROUPS == (TERMINAL, CARD)
    handbook = [f"card_{name}_{days}d" for name in ("count", "average_amount") for days in (1, 7, 30)]
    handbook += [f"terminal_{name}" for days in (1, 7, 30) for name in (f"count_{days}d_delay_7d", f"risk_{days}d")]
    assert {"is_weekend", "is_night", *handbook} <= set(FEATURE_COLUMNS)
