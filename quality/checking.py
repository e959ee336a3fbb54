"""Great Expectations at work on a day's tables, with pandas. What comes out has counts and names of ours, and no value of a row."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import great_expectations as gx
import pandas as pd
import pyarrow as pa
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation

from configuration import FraudDetectionError
from quality.days import Days
from quality.expectations import KAFKA, LABELS_CAME, TRAINING, USUAL, Known, expectations
from quality.measures import WHOLE, Measured, measure

COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0, "exclude_unexpected_values": True}
"""Of a table of payments: how many rows are wrong, and none of their values."""
NAMES = {"result_format": "COMPLETE", "unexpected_index_column_names": ["name"]}
"""Of a table of named things: which are wrong."""
SHOWN = 5
"""So many names are told; the query shows all."""

REASONS: Mapping[str, str] = {
    USUAL: "the lake has none of the four same weekdays before",
    TRAINING: "no champion with a reference of its features was found",
    LABELS_CAME: "no label came on this day",
    KAFKA: "Kafka was not asked (--kafka)",
}
"""Why an expectation is not checked, by what it needs."""


class NotChecked(FraudDetectionError):
    """Great Expectations could not evaluate an expectation."""


class Outcome(NamedTuple):
    """What came of one expectation."""

    expectation: str
    severity: str
    """critical or warning."""
    success: bool | None
    """None: it was not checked."""
    observed: str
    says: str
    """The expectation as a sentence, with its limit."""
    query: str | None
    """What shows the rows, in the SQL of `fraud lake sql`; None where nothing would show more, or nothing is wrong."""


class Beside(NamedTuple):
    """What is known beside the lake; None: it is not."""

    label_delay: float
    """Days after which training takes a payment without a label for genuine."""
    null_shares: Mapping[str, float] | None
    """Share of absent values of each feature in training."""
    missing_in_lake: int | None
    """How many of Kafka's records of the day the lake has not."""


def check(days: Days, day: date, beside: Beside) -> list[Outcome]:
    """Returns what came of each expectation, in the order of `expectations`.

    Raises:
        NotChecked: one could not be evaluated.
    """
    measured = measure(days, day, beside.null_shares, beside.missing_in_lake)
    known = Known(measured.payments, measured.usual_rejected, beside.label_delay)
    there = _there(measured, beside)
    tables = _context().data_sources.add_pandas("lake").add_dataframe_asset("day").add_batch_definition_whole_dataframe("table")
    found = []
    for name, all_of in expectations(known).items():
        rows = measured.tables[name]
        told = _validated(tables.get_batch({"dataframe": rows}), rows, all_of, there)
        found += [_outcome(one, told.get(_meta(one)["name"]), rows, day) for one in all_of]
    return found


def failed(outcomes: Sequence[Outcome], severity: str) -> list[Outcome]:
    """Returns those of a severity that are not as expected."""
    return [one for one in outcomes if one.success is False and one.severity == severity]


def table(outcomes: Sequence[Outcome], day: date) -> pa.Table:
    """Returns the outcomes as the lake keeps them, in the dataset `quality`: a row each."""
    kept = ("expectation", "severity", "success", "observed", "says")
    rows = {name: [getattr(one, name) for one in outcomes] for name in kept}
    types = {name: pa.bool_() if name == "success" else pa.string() for name in kept}
    columns = {name: pa.array(values, types[name]) for name, values in rows.items()}
    return pa.table({**columns, "date": pa.array([day] * len(outcomes), pa.date32())})


def _context() -> Any:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return context


def _there(measured: Measured, beside: Beside) -> set[str]:
    there = {
        USUAL: measured.has_usual,
        TRAINING: beside.null_shares is not None,
        LABELS_CAME: measured.has_labels,
        KAFKA: beside.missing_in_lake is not None,
    }
    return {name for name, is_there in there.items() if is_there}


def _validated(batch: Any, rows: pd.DataFrame, all_of: Sequence[Expectation], there: Collection[str]) -> dict[str, dict[str, Any]]:
    """Returns what Great Expectations says of those expectations that have what they need, by their names."""
    wanted = [one for one in all_of if _meta(one)["needs"] is None or _meta(one)["needs"] in there]
    if not wanted:
        return {}
    suite = gx.ExpectationSuite(name="day", expectations=wanted)
    results = batch.validate(suite, result_format=NAMES if "name" in rows else COUNTS).results
    return {one.expectation_config.meta["name"]: {**one.result, "success": bool(one.success)} for one in results}


def _outcome(one: Any, told: Mapping[str, Any] | None, rows: pd.DataFrame, day: date) -> Outcome:
    meta = _meta(one)
    name, says = meta["name"], str(one.description)
    if told is None:
        return Outcome(name, one.severity.value, None, f"not checked: {REASONS[meta['needs']]}", says, None)
    if "unexpected_count" not in told and "observed_value" not in told:
        raise NotChecked(
            f"Great Expectations could not evaluate `{name}`", "Report it: the lake's columns are not as it takes them."
        )
    query = meta["query"].format(day=day) if meta["query"] and not told["success"] else None
    return Outcome(name, one.severity.value, told["success"], _observed(told, rows, one.column), says, query)


def _observed(told: Mapping[str, Any], rows: pd.DataFrame, column: str) -> str:
    """Returns in words what was found."""
    if "observed_value" in told:
        quantiles = told["observed_value"]
        pairs = zip(quantiles["quantiles"], quantiles["values"], strict=True)
        return " and ".join(f"{share:.0%} within {value:.1f} days" for share, value in pairs)
    if rows.index.name == WHOLE:
        value = float(rows[column].iloc[0])
        return f"{value:,.0f}" if value.is_integer() else f"{value:.2%}"
    if "name" not in rows:
        return f"{told['unexpected_count']:,} of {len(rows):,} rows"
    names = [str(place["name"]) for place in told.get("unexpected_index_list") or ()]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else f"none of {len(rows)}"


def _meta(one: Expectation) -> dict[str, Any]:
    return dict(one.meta or {})
