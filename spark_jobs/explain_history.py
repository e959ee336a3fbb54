"""What a checkpoint holds of one card or terminal. `python -m spark_jobs.explain_history --checkpoint FOLDER --key CARD_ID`.

Only reads, and works beside a running detector: it sees what the newest finished batch left. `fraud features --explain` calls it.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, Field
from pyspark.sql import SparkSession

from configuration import FraudDetectionError, report
from spark_jobs import failures, session
from spark_jobs.aggregations import GroupBy
from spark_jobs.checkpoint import Pages, read_pages
from spark_jobs.errors import UnusableCheckpoint
from spark_jobs.feature_reference import of_group
from spark_jobs.features import GROUPS
from spark_jobs.settings import DetectorSettings, on_s3

PROGRAM = "python -m spark_jobs.explain_history"
NAME = "explain_history"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Explanation = dict[str, Any]
"""What is known of a key, as `--output json` prints it."""


class ExplainSettings(DetectorSettings):
    """Shows what a checkpoint holds of one card or terminal.

    It takes the detector's settings, so that the detector's own file can be given, and uses checkpoint, s3 and spark.conf.
    """

    key: str = Field(min_length=1, description="The card or terminal, as card_id or terminal_id has it in transactions")
    group: Literal["card", "terminal"] = Field("card", description="What the key is")
    at: AwareDatetime | None = Field(
        None, description="Instant at which the windows end, such as 2026-11-24T10:00:00Z; null: the key's newest transaction"
    )
    output: Literal["table", "json"] = Field("table", description="For people, or for scripts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what the checkpoint holds of the key; returns the exit code."""
    try:
        settings = ExplainSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        found = run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    sys.stdout.write((json.dumps(found, indent=2) if settings.output == "json" else "\n".join(table(found))) + "\n")
    return 0


def run(settings: ExplainSettings) -> Explanation:
    """Returns the explanation, from a Spark session of its own.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors`.
    """
    with session.small(NAME, settings.spark, settings.s3, on_s3(settings.checkpoint)) as spark:
        try:
            return explain(spark, settings)
        except failures.SparkFailure as error:
            failures.keep_trace(NAME, settings.log_dir)
            raise UnusableCheckpoint(
                f"The checkpoint {settings.checkpoint} cannot be read: {failures.cause(error)}",
                "Where a detector is at work it may have cleaned up meanwhile: ask again. "
                f"{failures.trace_advice(settings.log_dir)}",
            ) from None


def explain(spark: SparkSession, settings: ExplainSettings) -> Explanation:
    """Returns what the checkpoint holds of the key, and the value of each window at an instant.

    The values are those that the next event would find, with none of its own: a transaction also counts itself.

    Raises:
        UnusableCheckpoint: there is none, or it is of other feature definitions.
        NoHistory: it has nothing of the key.
    """
    (group,) = (one for one in GROUPS if one.name == settings.group)
    state = read_pages(spark, settings.checkpoint, group, settings.key)
    held = _describe(spark, group, state, 0)
    newest = _newest(held)
    at = newest if settings.at is None else (settings.at - EPOCH) // MICROSECOND
    values = _describe(spark, group, state, at)["values"]
    return {
        "checkpoint": settings.checkpoint,
        "batch": state.batch,
        "group": group.name,
        "key": settings.key,
        "plan": group.plan_hash,
        "pages": len(state.pages),
        "bytes": sum(map(len, state.pages.values())),
        "transactions": _log(held["transactions"]),
        "labels": _log(held["labels"]),
        "profile": _time(held["profile_time"]),
        "at": _time(at),
        "values": values,
        "incomplete": _incomplete(group, held, at),
    }


def table(found: Explanation) -> Iterator[str]:
    """Returns the lines for people."""
    (group,) = (one for one in GROUPS if one.name == found["group"])
    known = of_group(group)
    yield f"The history of {group.name} {found['key']} in {found['checkpoint']}, after batch {found['batch']}"
    yield ""
    facts = [(name, _log_words(found[name])) for name in ("transactions", "labels")]
    facts += [("profile", f"of {found['profile']}" if found["profile"] else "none"), ("state", _state_words(found))]
    yield from _columns(facts)
    yield ""
    rows = []
    for name, value in found["values"].items():
        mark = "*" if name in found["incomplete"] else ""
        rows.append((name, ("-" if value is None else f"{value:.15g}") + mark, known[name].unit, known[name].sentence))
    yield from _columns([(f"at {found['at']}", "value", "unit", "meaning"), *rows])
    yield ""
    yield "As the next event finds it: a transaction also counts itself. A dash: absent, or compared with a transaction."
    if found["incomplete"]:
        yield f"* Perhaps not all: what is {group.retention.days} days older than the newest transaction is forgotten by now."


def _describe(spark: SparkSession, group: GroupBy, state: Pages, at: int) -> dict[str, Any]:
    jvm: Any = spark.sparkContext._jvm
    found: dict[str, Any] = json.loads(jvm.frauddetection.spark.Inspection.describe(group.plan, state.pages, at))
    return found


def _newest(held: dict[str, Any]) -> int:
    """Returns the time of the newest transaction; without one, of the newest label or the profile."""
    for time in ((held["transactions"] or {}).get("last_time"), (held["labels"] or {}).get("last_time"), held["profile_time"]):
        if time is not None:
            return int(time)
    return 0


def _incomplete(group: GroupBy, held: dict[str, Any], at: int) -> list[str]:
    """Returns the values whose windows begin where events are forgotten: a group's retention before the newest transaction."""
    newest = (held["transactions"] or {}).get("last_time")
    if newest is None:
        return []
    kept = newest - group.retention // MICROSECOND
    return [one.name for one in group.outputs if one.window and at - _span(one.window, one.aggregation.delay) < kept]


def _span(window: timedelta, delay: timedelta) -> int:
    return (window + delay) // MICROSECOND


def _log(log: dict[str, Any] | None) -> dict[str, Any] | None:
    return log and {"events": log["events"], "first": _time(log["first_time"]), "last": _time(log["last_time"])}


def _log_words(log: dict[str, Any] | None) -> str:
    if log is None:
        return "not kept"
    return f"{log['events']:,} from {log['first']} to {log['last']}" if log["events"] else "none"


def _state_words(found: Explanation) -> str:
    pages = found["pages"]
    return f"{found['bytes']:,} bytes in {pages:,} page{'s' if pages > 1 else ''}, plan {found['plan'][:16]}"


def _time(micros: int | None) -> str | None:
    return None if micros is None else (EPOCH + micros * MICROSECOND).isoformat().replace("+00:00", "Z")


def _columns(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
