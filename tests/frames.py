"""Comparing DataFrames of more rows than one can read."""

from chispa import assert_df_equality
from chispa.schema_comparer import assert_schema_equality
from pyspark.sql import DataFrame


def assert_same_rows(found: DataFrame, expected: DataFrame) -> None:
    """Fails where a row of either has no equal in the other, in any order, and shows these rows alone; chispa would show all."""
    assert_schema_equality(found.schema, expected.schema, ignore_nullable=True)
    lost, new = expected.exceptAll(found), found.exceptAll(expected)
    assert_df_equality(new.coalesce(1), lost.coalesce(1), ignore_row_order=True, ignore_nullable=True)
