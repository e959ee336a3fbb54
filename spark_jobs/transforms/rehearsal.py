"""Rules are rehearsed before the stream starts: what could not be kept, or fails on any payment, is told at once."""

from collections.abc import Mapping

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from contract import Transaction
from contract.fields import OneOf, fields_of
from spark_jobs.errors import InvalidRule
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.schema import schema
from spark_jobs.transforms.decide import Rule
from spark_jobs.transforms.expressions import (
    SHORTER,
    DoesNotParse,
    EndsTheStream,
    FillsMemory,
    LooksFurther,
    NotRepeatable,
    Refused,
    examine,
)

FIELDS = (*schema(Transaction).fields, *(T.StructField(name, T.DoubleType()) for name in (*FEATURE_COLUMNS, "fraud_score")))
"""What a rule may ask about. `fraud_score` is null where there is no model."""
KNOWN_COLUMNS = f"Known columns are: {', '.join(field.name for field in FIELDS)}."
ADVICE: Mapping[type[Refused], str] = {
    DoesNotParse: "Write one Spark SQL boolean expression.",
    LooksFurther: "Use the features for what came before.",
    NotRepeatable: "Ask about event_time and other fields.",
    EndsTheStream: "A rule answers yes or no.",
    FillsMemory: SHORTER,
}
PAYMENTS = ("a payment of which nothing is known", "a usual payment")
_USUAL = {
    "string": "'x'",
    "double": "1D",
    "boolean": "true",
    "bigint": "1L",
    "timestamp": "TIMESTAMP '2026-01-01 12:00:00Z'",
    "date": "DATE '2000-01-01'",
}


def rehearse(session: SparkSession, rules: Mapping[str, Rule]) -> None:
    """Looks at each rule, and asks it about a payment without any value, and about one with all.

    No job is started: Spark's optimizer answers.

    Raises:
        InvalidRule: one does not parse, names an unknown column, is not a yes-or-no question, could answer differently when asked
            again, or fails on one of the payments.
    """
    if not rules:
        return
    payments = _payments(session)
    for name, rule in rules.items():
        _check(name, rule.when, payments)
    attempt = session.sparkContext._jvm.frauddetection.catalyst.Calls.attempt  # type: ignore[union-attr]
    asked = {name: F.coalesce(F.expr(rule.when), F.lit(False)) for name, rule in rules.items()}
    answers = (Column(attempt(question._jc)).alias(name) for name, question in asked.items())
    for payment, row in zip(PAYMENTS, payments.select(*answers).collect(), strict=True):
        for name, rule in rules.items():
            if row[name] is None:
                why = _why(payments, rule.when)
                raise InvalidRule(f"Rule `{name}` fails on {payment}: {why}", "Guard it, as with coalesce, try_element_at or CASE.")


def _check(name: str, when: str, payments: DataFrame) -> None:
    try:
        kind = examine(when, payments, "one transaction").kind.simpleString()
    except Refused as refused:
        raise InvalidRule(f"Rule `{name}` {refused.what}", ADVICE.get(type(refused), KNOWN_COLUMNS)) from None
    if kind != "boolean":
        raise InvalidRule(f"Rule `{name}` answers with a {kind}, not with yes or no", "Compare it with something.")


def _payments(session: SparkSession) -> DataFrame:
    nothing = ", ".join(f"CAST(NULL AS {field.dataType.simpleString()})" for field in FIELDS)
    usual = ", ".join(map(_usual, FIELDS))
    names = ", ".join(field.name for field in FIELDS)
    return session.sql(f"SELECT * FROM VALUES ({nothing}), ({usual}) AS payments({names})")  # noqa: S608 of our own names


def _usual(field: T.StructField) -> str:
    shapes = {one.name: one.shape for one in fields_of(Transaction)}
    shape = shapes.get(field.name)
    if isinstance(shape, OneOf):
        return f"'{shape.allowed[0]}'"
    if isinstance(field.dataType, T.DecimalType):
        return f"CAST(12.5 AS {field.dataType.simpleString()})"
    return _USUAL[field.dataType.simpleString()]


def _why(payments: DataFrame, when: str) -> str:
    try:
        payments.select(F.expr(when)).collect()
    except PySparkException as error:
        return str(error).strip().splitlines()[0]
    return "Spark does not say why"
