"""Rules are rehearsed before the stream starts: what fails on any payment, or on one with little in it, is told at once."""

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

PAYMENTS = ("a payment of which nothing is known", "a usual payment")
_USUAL = {
    "string": "'x'",
    "double": "1D",
    "boolean": "true",
    "bigint": "1L",
    "timestamp": "TIMESTAMP '2026-01-01 12:00:00Z'",
    "date": "DATE '2000-01-01'",
}


def rehearse(session: SparkSession, questions: Mapping[str, str]) -> None:
    """Asks each question, Spark SQL by the rule's name, about a payment without any value, and about one with all.

    No job is started: Spark's optimizer answers.

    Raises:
        InvalidRule: one fails, with what Spark says.
    """
    if not questions:
        return
    payments = _payments(session)
    attempt = session.sparkContext._jvm.frauddetection.catalyst.Calls.attempt  # type: ignore[union-attr]
    answers = (Column(attempt(F.coalesce(F.expr(when), F.lit(False))._jc)).alias(name) for name, when in questions.items())
    for payment, row in zip(PAYMENTS, payments.select(*answers).collect(), strict=True):
        for name, when in questions.items():
            if row[name] is None:
                why = _why(payments, when)
                raise InvalidRule(f"Rule `{name}` fails on {payment}: {why}", "Guard it, as with coalesce, try_element_at or CASE.")


def _payments(session: SparkSession) -> DataFrame:
    fields = [*schema(Transaction).fields, *(T.StructField(name, T.DoubleType()) for name in (*FEATURE_COLUMNS, "fraud_score"))]
    nothing = ", ".join(f"CAST(NULL AS {field.dataType.simpleString()})" for field in fields)
    usual = ", ".join(map(_usual, fields))
    names = ", ".join(field.name for field in fields)
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
