"""Rules: what they may ask, what a yes does, and what is refused at start."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession

from contract import Topics, encode
from spark_jobs.errors import InvalidRule
from spark_jobs.pipeline import features, judge
from spark_jobs.settings import Rule
from spark_jobs.transforms.decide import ruleset_version
from spark_jobs.transforms.rehearsal import rehearse
from tests.frames import decoded
from tests.records import AT, transaction

TOPICS = Topics()
Raw = Callable[..., DataFrame]


def detected(frame: DataFrame, rules: dict[str, Rule]) -> DataFrame:
    return judge(features(decoded(frame)), rules, None)


def test_decline_beats_review_beats_approve_and_all_that_fired_are_named(spark: SparkSession, raw: Raw) -> None:
    rules = {
        "large": Rule(when="amount > 100", action="review", reason="It is large"),
        "abroad": Rule(when="country <> 'FR'", action="decline", reason="It is abroad"),
        "labelled": Rule(when="is_fraud", action="decline", reason="It is labelled"),
        "by_zero": Rule(when="amount / 0 > 1", action="decline", reason="null is no"),
        "night": Rule(when="is_night = 1", reason="It is night"),
        "weekend": Rule(when="is_weekend = 1 AND amount > 1000", reason="A weekend's large one"),
    }
    night = datetime(2018, 4, 2, 6, 59, 59, tzinfo=AT.tzinfo)
    cases = [
        (transaction(), "approve", []),
        (transaction(amount=Decimal("100.01")), "review", ["It is large"]),
        (transaction(amount=Decimal(500), country="DE"), "decline", ["It is abroad", "It is large"]),
        (transaction(is_fraud=True), "decline", ["It is labelled"]),
        (transaction(is_fraud=False), "approve", []),
        (transaction(event_time=night), "review", ["It is night"]),
        (transaction(event_time=night + timedelta(seconds=1)), "approve", []),
        (transaction(amount=Decimal(2000)), "review", ["It is large", "A weekend's large one"]),
    ]
    values = [encode(replace(paid, transaction_id=f"t{number}")) for number, (paid, *_) in enumerate(cases)]
    frame = detected(raw(*((TOPICS.transactions, value, {"timestamp": AT}) for value in values)), rules)
    expected = spark.createDataFrame(
        [(f"t{number}", decision, reasons, ruleset_version(rules)) for number, (_, decision, reasons) in enumerate(cases)],
        "transaction_id string, decision string, reasons_to_alert array<string>, ruleset_version string",
    )
    found = frame.select("transaction.transaction_id", "decision", "reasons_to_alert", "ruleset_version")
    assert_df_equality(found, expected, ignore_row_order=True, ignore_nullable=True)


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("amount >", "does not parse"),
        ("amount > 1; DROP TABLE x", "does not parse"),
        ("amont > 1", "names an unknown column `amont`. Known columns are: transaction_id, event_time, card_id"),
        ("_event.kind = 'x'", "unknown column"),
        ("amount", "answers with a decimal(14,3), not with yes or no"),
        ("is_night", "answers with a double"),
        ("count(*) > 1", "looks at more than one transaction"),
        ("sum(amount) OVER (PARTITION BY card_id) > 1", "looks at more than one transaction"),
        ("EXISTS (SELECT 1)", "looks at more than one transaction"),
        ("rand() > 0.5", "answer differently when asked again: rand"),
        ("event_time < current_timestamp()", "answer differently when asked again: current_timestamp"),
        ("to_date(event_time) < current_date()", "answer differently when asked again: current_date"),
        ("event_time < now()", "answer differently when asked again: now"),
        ("uuid() = 'a'", "answer differently when asked again: uuid"),
        ("isnull(raise_error('stop'))", "would end the stream"),
        ("no_such_function(amount)", "is refused"),
        ("amount > array(1)", "is refused"),
        ("element_at(array(1), 0) = 1", "fails on a payment of which nothing is known"),
        ("element_at(array(1), int(amount) - 12) = 1", "fails on a usual payment"),
        ("card_id RLIKE '('", "fails on a usual payment"),
        ("size(sequence(1, int(amount))) > 3", "could fill the memory: sequence"),
        ("length(repeat(card_id, 1000000000)) > 3", "could fill the memory: repeat"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_by_name(spark: SparkSession, when: str, says: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        rehearse(spark, {"mine": Rule(when=when, reason="x")})
    assert "Rule `mine`" in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


THROWS = (
    "element_at(array(1, 2), int(amount)) = 1",
    "element_at(array(1, 2), if(amount > 99, 0, 1)) = 1",
    "'x' RLIKE if(amount > 99, '(', 'x')",
    "from_utc_timestamp(event_time, if(amount > 99, 'Nowhere/None', 'UTC')) > TIMESTAMP '2000-01-01'",
    "date_format(event_time, if(amount > 99, 'QQQQQQQ', 'yyyy')) > ''",
    "parse_json(if(amount > 99, '{', '{}')) IS NULL",
    "to_number(if(amount > 99, 'x', '1'), '9') = 1",
    "format_string(if(amount > 99, '%d', '%s'), card_id) = ''",
    "CAST(parse_json(if(amount > 99, '\"x\"', '1')) AS INT) = 1",
    "make_date(2026, if(amount > 99, 13, 1), 1) > DATE '2000-01-01'",
    "decode(unhex(if(amount > 99, 'ff', '61')), if(amount > 99, 'no-such', 'UTF-8')) = 'a'",
    "substring_index(card_id, '-', int(amount)) RLIKE if(amount > 99, '[', 'x')",
    "regexp_replace(card_id, if(amount > 99, '*', 'x'), 'y') = 'y'",
    "regexp_extract(card_id, 'x', if(amount > 99, 7, 0)) = 'y'",
    "to_timestamp(card_id, if(amount > 99, 'QQQQQQQ', 'yyyy')) IS NOT NULL",
    "from_json('{}', 'a INT', map('mode', 'FAILFAST')).a = 1",
    "aes_decrypt(unhex('00'), if(amount > 99, '0', '0000111122223333')) IS NULL",
    "array_insert(array(1), if(amount > 99, 0, 1), 1)[0] = 1",
    "sha2(card_id, int(amount)) = 'x'",
    "bin(bigint(amount)) = '1' AND element_at(array(1), 0 * int(amount)) = 1",
)


@pytest.mark.parametrize("when", [f"CASE WHEN amount > 99 THEN {one} ELSE false END" for one in THROWS], ids=range(len(THROWS)))
def test_a_rule_that_fails_is_no_for_its_payment_alone_and_is_named(raw: Raw, when: str) -> None:
    """Whatever Spark does there, the stream goes on, and the other rule, which asks the same in part, decides."""
    rules = {"mine": Rule(when=when, reason="x"), "also": Rule(when=f"({when}) OR amount > 99", reason="y"), "large": LARGE}
    paid = [transaction(transaction_id="low"), transaction(transaction_id="high", amount=Decimal(100))]
    rows = detected(raw(*((TOPICS.transactions, encode(one), {"timestamp": AT}) for one in paid)), rules).collect()
    found = {row.transaction.transaction_id: row for row in rows}
    assert (found["low"].decision, found["low"].failed_rules) == ("approve", None)
    assert "large" in found["high"].rules
    assert found["high"].decision == "decline"
    assert set(found["high"].failed_rules or ()) <= {"mine", "also"}


LARGE = Rule(when="amount > 99", action="decline", reason="It is large")


def test_a_rule_that_fails_is_counted_by_name(raw: Raw) -> None:
    rules = {"mine": Rule(when=f"CASE WHEN amount > 99 THEN {THROWS[1]} ELSE false END", reason="x"), "large": LARGE}
    values = [encode(transaction(transaction_id=f"t{number}", amount=Decimal(98 + number))) for number in range(4)]
    rows = detected(raw(*((TOPICS.transactions, value, {"timestamp": AT}) for value in values)), rules).collect()
    assert sorted(row.failed_rules or [] for row in rows) == [[], [], ["mine"], ["mine"]]


@pytest.mark.parametrize(
    ("amount", "decision", "reasons"),
    [
        (5, "approve", ["It is large"]),
        (50, "approve", ["It is large"]),
        (500, "decline", ["It is large", "It is very large"]),
    ],
)
def test_an_approval_beats_a_review_and_a_decline_beats_an_approval(
    raw: Raw, amount: int, decision: str, reasons: list[str]
) -> None:
    rules = {
        "known": Rule(when="true", action="approve", reason="It is known"),
        "large": Rule(when="amount > 1", reason="It is large"),
        "very_large": Rule(when="amount > 100", action="decline", reason="It is very large"),
    }
    value = encode(transaction(amount=Decimal(amount)))
    (row,) = detected(raw((TOPICS.transactions, value, {"timestamp": AT})), rules).collect()
    assert (row.decision, row.reasons_to_alert) == (decision, reasons)
    assert "known" in row.rules


def test_a_ruleset_has_a_version() -> None:
    one, two = Rule(when="is_fraud", reason="x"), Rule(when="amount > 1", reason="y")
    version = ruleset_version({"one": one, "two": two})
    assert version == ruleset_version({"two": two, "one": one})
    for change in ({"when": "amount > 2"}, {"action": "decline"}, {"reason": "z"}):
        assert version != ruleset_version({"one": one, "two": two.model_copy(update=change)})
    assert version != ruleset_version({"one": one})
