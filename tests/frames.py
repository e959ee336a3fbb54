"""Records decoded as they are, and the comparison of DataFrames of more rows than one can read."""

from datetime import timedelta

from chispa import assert_df_equality
from chispa.schema_comparer import assert_schema_equality
from pyspark.sql import DataFrame

from contract import Topics
from spark_jobs.input_settings import InputSettings
from spark_jobs.settings import Limits
from spark_jobs.sources import inputs_of
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.mapping import mapping

EVERY_TIME = Limits().model_copy(update={"max_future": timedelta(days=1_000_000), "max_age": timedelta(days=1_000_000)})
"""Limits of records of all times, which no settings allow."""


def decoded(frame: DataFrame, limits: Limits = EVERY_TIME) -> DataFrame:
    """Returns the events of Kafka's records, of the contract's own form, from the topics with the usual names."""
    return decode(mapping(frame, inputs_of(InputSettings(), Topics()), limits.max_bytes), limits)


def assert_same_rows(found: DataFrame, expected: DataFrame) -> None:
    """Fails where a row of either has no equal in the other, in any order, and shows these rows alone; chispa would show all."""
    assert_schema_equality(found.schema, expected.schema, ignore_nullable=True)
    lost, new = expected.exceptAll(found), found.exceptAll(expected)
    assert_df_equality(new.coalesce(1), lost.coalesce(1), ignore_row_order=True, ignore_nullable=True)
