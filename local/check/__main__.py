"""What would become of records, before a detector reads them. `python -m local.check --config FILE --topic TOPIC`.

Only reads, and commits no offset. `fraud check` calls it.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from pydantic import Field
from pyspark.sql import DataFrame, Row, SparkSession
from rich.console import Console
from rich.table import Table

from configuration import FraudDetectionError, report
from contract.fields import fields_of
from local.check.proposal import as_yaml, each_of, propose
from local.check.report import Checked, Report
from local.check.report import report as report_of
from local.check.samples import Sample, of_file, of_topics
from local.errors import NothingToCheck
from spark_jobs import failures, session, sources
from spark_jobs.input_settings import topics_of
from spark_jobs.schema import KINDS
from spark_jobs.settings import DetectorSettings
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.inputs import Inputs
from spark_jobs.transforms.mapping import mapping

PROGRAM = "python -m local.check"
NAME = "check"
RAW = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, "
    "headers array<struct<key:string,value:binary>>"
)
OK, WOULD_REJECT = 0, 4


class CheckSettings(DetectorSettings):
    """Tells what the detector would do with records that are in Kafka or in a file. Reads, and writes nothing.

    It takes the detector's settings, so that the detector's own file can be given, and uses kafka, topics, input and limits.
    """

    topic: str | None = Field(
        None, min_length=1, description="Topic with transactions; null: all topics that the settings name as inputs"
    )
    file: Path | None = Field(
        None,
        description="File in place of Kafka: .jsonl (a value a line), .json, .csv (with a header) or .avro, with transactions",
    )
    records: int = Field(
        1_000, ge=1, le=100_000, description="How many records are read: of a topic the newest, of a file the first"
    )
    output: Literal["table", "json"] = Field("table", description="For people, or for scripts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report; returns 0 if every record would be scored or remembered, 4 if some would be rejected, 1 for an error."""
    try:
        settings = CheckSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        with failures.told("The records cannot be checked", "Check the settings.", NAME, settings.log_dir):
            found = run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    if settings.output == "json":
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        show(found, Console())
    return OK if found["ok"] else WOULD_REJECT


def run(settings: CheckSettings) -> Report:
    """Returns the report (`local.check.report`), with `passed_over` and perhaps `proposal`.

    `passed_over` is how many values hold no record that an input takes. `proposal` has settings to start from, where nothing is
    mapped or scored.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors` or `local.errors`, or the broker cannot be reached.
    """
    settings = _of_topic(settings)
    inputs = sources.inputs_of(settings.input, settings.topics)
    if settings.file is not None:
        samples = of_file(settings.file, settings.topics.transactions, settings.records)
    else:
        topics = [settings.topic] if settings.topic else topics_of(inputs.by_kind)
        samples = of_topics(settings.kafka, topics, settings.records)
    if not samples:
        raise NothingToCheck("There are no records to check", "Name a topic or a file that has some.")
    with TemporaryDirectory() as folder:  # for Spark's log
        spark = session.build(NAME, settings.spark, settings.s3, 1, Path(folder))
        try:
            sources.require_inputs(spark, inputs)
            checked = check(spark, samples, inputs, settings)
        finally:
            spark.stop()
    found = report_of(checked)
    # Each sample has a place of its own; of one that is an array there may be many records.
    found["passed_over"] = len(samples) - len({one.place for one in checked})
    if not found["scored"] and not inputs.mapped():
        found["proposal"] = _proposal(samples, settings.topic or settings.topics.transactions)
    return found


def check(spark: SparkSession, samples: Sequence[Sample], inputs: Inputs, settings: DetectorSettings) -> list[Checked]:
    """Returns what the detector would read in the records."""
    raw = sources.with_clock(spark.createDataFrame([tuple(sample) for sample in samples], RAW))
    mapped = mapping(raw, inputs, settings.limits.max_bytes).persist()  # a registry may answer otherwise the next time
    try:
        # One task and no shuffle: both are in the order of the samples.
        return [_checked(*pair) for pair in zip(_rows(mapped), _rows(decode(mapped, settings.limits)), strict=True)]
    finally:
        mapped.unpersist()


def show(found: Report, out: Console) -> None:
    """Prints the report for people."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found["kinds"].items())
    out.print(
        f"{found['records']:,} records: {kinds}. {found['scored']:,} would be scored, {found['rejected']:,} rejected.",
        highlight=False,
    )
    for name, title, columns in _TABLES:
        if found[name]:
            table = Table(*(column.replace("_", " ") for column in columns), title=title, title_justify="left")
            for row in found[name]:
                table.add_row(*("-" if row[column] is None else str(row[column]) for column in columns))
            out.print(table)
    if found["passed_over"]:
        out.print(f"{found['passed_over']:,} values hold no record that an input takes; they are passed over.", highlight=False)
    if found["unknown_fields"]:
        out.print(f"{found['unknown_fields']:,} fields are not the contract's; they are passed over.", highlight=False)
    for warning in found["warnings"]:
        out.print(f"[yellow]Note:[/] {warning}", highlight=False)
    if found.get("proposal"):
        out.print("Nothing maps these records yet. Settings to start from, guessed from names and values, for you to correct:\n")
        out.print(found["proposal"], highlight=False, markup=False, soft_wrap=True)


_TABLES = (
    ("reasons", "Rejected, by reason", ("reason", "records", "first_at", "value_looks_like")),
    ("unreadable_optional_fields", "Scored without a field that cannot be read", ("field", "records", "value_looks_like")),
    ("fields", "What the fields of transactions would hold", ("field", "absent", "distinct", "least", "most", "looks_like")),
)


def _of_topic(settings: CheckSettings) -> CheckSettings:
    """Returns the settings with the asked topic, or the file, as the one of transactions, unless they know it as an input."""
    known = topics_of(settings.input.by_kind(settings.topics))
    if (settings.topic is None and settings.file is None) or settings.topic in known:
        return settings
    name = settings.topic or settings.topics.transactions
    ours = [one.model_copy(update={"topic": name}) for one in settings.input.transactions]
    update: dict[str, Any] = {"input": settings.input.model_copy(update={"transactions": tuple(ours)})}
    if name not in known:
        update["topics"] = replace(settings.topics, transactions=name)
    return settings.model_copy(update=update)


def _rows(frame: DataFrame) -> Iterator[Row]:
    return iter(frame.coalesce(1).collect())


def _checked(mapped: Row, event: Row) -> Checked:
    record = None if event.kind not in KINDS or event[event.kind] is None else event[event.kind].asDict()
    return Checked(
        f"{mapped.topic}/{mapped.partition}/{mapped.offset}",
        event.kind,
        record,
        _texts(mapped),
        tuple(event.reasons or ()),
        tuple(event.notes or ()),
        event.unknown or 0,
    )


def _texts(mapped: Row) -> Mapping[str, str | None]:
    """Returns the text of each field before it was judged."""
    if mapped.mapped is not None:
        return dict(zip((one.name for one in fields_of(KINDS[mapped.kind])), mapped.mapped, strict=True))
    found = _json(mapped.value)
    return (
        {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}
        if isinstance(found, dict)
        else {}
    )


def _json(value: bytes | bytearray | None) -> Any:
    try:
        return json.loads((value or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _proposal(samples: Sequence[Sample], topic: str) -> str | None:
    bodies = [body for body in (_json(sample.value) for sample in samples) if isinstance(body, dict | list)]
    return as_yaml(propose(bodies), topic, each_of(bodies)) if bodies else None


if __name__ == "__main__":
    sys.exit(main())
