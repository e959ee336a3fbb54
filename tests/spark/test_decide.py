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
from spark_jobs.transforms.decide import decide, ruleset_version
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.score import score
from tests.records import AT, transaction

TOPICS = Topics()
YEARS = timedelta(days=365_000)
Raw = Callable[..., DataFrame]


def detected(frame: DataFrame, rules: dict[str, Rule]) -> DataFrame:
    return judge(features(decode(frame, TOPICS, 65_536, YEARS, YEARS)), rules, None)


@pytest.fixture(scope="module")
def featured(raw: Raw) -> DataFrame:
    return score(features(decode(raw((TOPICS.transactions, b"")), TOPICS, 65_536, YEARS, YEARS)), None)


def test_decline_beats_review_beats_approve_and_all_that_fired_are_named(spark: SparkSession, raw: Raw) -> None:
    rules = {
        "large": Rule(when="amount > 100", action="review", reason="It is large"),
        "abroad": Rule(when="country <> 'FR'", action="decline", reason="It is abroad"),
        "labelled": Rule(when="is_fraud", action="decline", reason="It is labelled"),
        "by zero": Rule(when="amount / 0 > 1", action="decline", reason="null is no"),
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
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_by_name(featured: DataFrame, when: str, says: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        decide(featured, {"mine": Rule(when=when, reason="x")})
    assert "Rule `mine`" in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_ruleset_has_a_version() -> None:
    one, two = Rule(when="is_fraud", reason="x"), Rule(when="amount > 1", reason="y")
    version = ruleset_version({"one": one, "two": two})
    assert version == ruleset_version({"two": two, "one": one})
    for change in ({"when": "amount > 2"}, {"action": "decline"}, {"reason": "z"}):
        assert version != ruleset_version({"one": one, "two": two.model_copy(update=change)})
    assert version != ruleset_version({"one": one})
