"""The ready-made functions of mappings."""

from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from contract import Transaction
from contract.fields import OneOf, fields_of
from spark_jobs.transforms.mapping_functions import CATEGORIES, FUNCTIONS, MESSAGES, PROCESSING, RESPONSES, register


@pytest.mark.parametrize("function", [one for one in FUNCTIONS if one.result], ids=lambda one: one.name)
def test_a_function_does_what_its_example_says(spark: SparkSession, function: Any) -> None:
    register(spark, None)
    assert spark.range(1).select(F.expr(function.example)).first()[0] == function.result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("epoch_seconds('1.532995200123E9')", "2018-07-31T00:00:00.123000Z"),
        ("epoch_seconds('soon')", None),
        ("epoch_seconds('1e999999999')", None),
        ("epoch_seconds('1e-999999999')", None),
        ("epoch_millis(-1)", "1969-12-31T23:59:59.999000Z"),
        ("epoch_millis(null)", None),
        ("time_of('2018-07-31 02:00 +0200', 'yyyy-MM-dd HH:mm Z')", "2018-07-31T00:00:00.000000Z"),
        ("time_of('31/07/2018', 'dd/MM/yyyy', 'Asia/Tokyo')", "2018-07-30T15:00:00.000000Z"),
        ("time_of('never', 'yyyy')", None),
        ("time_without_year('0101000005', TIMESTAMP '2018-12-31 23:59:58Z')", "2019-01-01T00:00:05.000000Z"),
        ("time_without_year('0229120000', TIMESTAMP '2024-03-01 00:00:00Z')", "2024-02-29T12:00:00.000000Z"),
        ("time_without_year('0229120000', TIMESTAMP '2026-03-01 00:00:00Z')", None),
        ("time_without_year('0731020000', TIMESTAMP '2018-07-31 00:00:00Z', 'Europe/Berlin')", "2018-07-31T00:00:00.000000Z"),
        ("minor_units(1250, 'JPY')", "1250"),
        ("minor_units('1250', 'KWD')", "1.250"),
        ("minor_units('-1250', '840')", "-12.50"),
        ("minor_units('1250', 'XXX')", None),
        ("minor_units('12.50', 'EUR')", None),
        ("currency_of(8)", "ALL"),
        ("currency_of('eur ')", "EUR"),
        ("currency_of('EURO')", None),
        ("response_of('00')", "approved"),
        ("response_of(0)", "approved"),
        ("response_of('96')", "declined"),
        ("response_of(' ')", None),
        ("type_of('0100', '010000')", "withdrawal"),
        ("type_of('0200', '200000')", "refund"),
        ("type_of('0400', '000000')", "reversal"),
        ("type_of('0400', NULL)", "reversal"),
        ("type_of(NULL, '200000')", "refund"),
        ("type_of(NULL, NULL)", None),
        ("type_of('0100', '310000')", "verification"),
        ("type_of('0100', '990000')", None),
        ("category_of('Fast Food')", "5814"),
        ("category_of('5812')", "5812"),
        ("category_of('no such thing')", None),
        ("decimal_of('/w==', 2)", "-0.01"),
        ("decimal_of('?', 2)", None),
    ],
)
def test_a_function_at_its_edges(spark: SparkSession, expression: str, result: str | None) -> None:
    register(spark, None)
    assert spark.range(1).select(F.expr(expression)).first()[0] == result


def test_the_tables_lead_to_what_the_contract_has() -> None:
    assert all(len(code) == 4 and code.isdigit() for code in CATEGORIES.values())
    allowed = {one.name: one.shape.allowed for one in fields_of(Transaction) if isinstance(one.shape, OneOf)}
    assert set(RESPONSES.values()) <= set(allowed["response_code"])
    assert {*PROCESSING.values(), *MESSAGES.values()} <= set(allowed["transaction_type"])
