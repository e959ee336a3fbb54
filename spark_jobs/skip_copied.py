"""Lets an archiver step over a record that cannot be read. `python -m spark_jobs.skip_copied --config FILE --topic T ...`.

Each of its sinks keeps its place, and what it has: what lies before the record is copied as ever, and what lies behind it too. The
record itself is in no sink. `fraud skip --archiver` calls this.
"""

import sys
from collections.abc import Sequence

import structlog
from confluent_kafka import TopicPartition
from pydantic import Field

from configuration import FraudDetectionError, report
from spark_jobs import running, session
from spark_jobs.archive_settings import ArchiveSettings
from spark_jobs.checkpoint_files import files_of
from spark_jobs.damage import Range, unreadable
from spark_jobs.errors import UnreadableRecord
from spark_jobs.places import Checkpoint, topic_ids

PROGRAM = "python -m spark_jobs.skip_copied"
NAME = "skip_copied"

log = structlog.get_logger()


class SkipCopiedSettings(ArchiveSettings):
    """Lets an archiver step over a record that cannot be read, in all of its sinks that have not come so far.

    It takes the archiver's settings, so that the archiver's own file can be given, and uses kafka, topics, input, sinks,
    checkpoint, s3 and spark.conf. The archiver must not run.
    """

    topic: str = Field(description="The record's topic")
    partition: int = Field(ge=0, description="Its partition")
    offset: int = Field(ge=0, description="Its offset, as the archiver's error names it")
    reason: str = Field("", description="Why, for whoever reads the log")


def main(arguments: Sequence[str] | None = None) -> int:
    """Steps over the record; returns the exit code."""
    try:
        run(SkipCopiedSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM))
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    return 0


def run(settings: SkipCopiedSettings) -> None:
    """Steps over the record, with a Spark of its own: what knows how to reach a checkpoint.

    Raises:
        FraudDetectionError: as `skip`, or another of `spark_jobs.errors`; CheckpointInUse where the archiver runs.
    """
    with (
        session.small(NAME, settings.spark, settings.s3, settings.s3a_checkpoint) as spark,
        running.own_checkpoint(spark, settings.checkpoint, NAME, None),
    ):
        places = {name: settings.checkpoint_of(name) for name in settings.sinks}
        skip({name: Checkpoint(files_of(spark, place), place) for name, place in places.items()}, settings)


def skip(sinks: dict[str, Checkpoint], settings: SkipCopiedSettings) -> Range:
    """Returns the records that the next start steps over, in each of the checkpoints that is not behind them: a batch as a whole.

    Raises:
        UnreadableRecord: there is no such record, or all checkpoints are behind it already.
        BrokerUnreachable: no broker answers within ten seconds.
    """
    ids = topic_ids(settings.kafka, settings.all_topics)
    if settings.topic not in ids:
        raise UnreadableRecord(f"The archiver does not read the topic {settings.topic}", f"It reads {', '.join(ids)}.")
    waiting = {name: one for name, one in sinks.items() if one.place(settings.topic, settings.partition) <= settings.offset}
    if not waiting:
        raise UnreadableRecord(
            f"All sinks of the checkpoint {settings.checkpoint} are behind that record already",
            "Nothing is to be stepped over. Name the offset that the archiver's newest error names.",
        )
    skipped = unreadable(settings.kafka, TopicPartition(settings.topic, settings.partition, settings.offset))
    for one in waiting.values():
        one.step_over(settings.topic, settings.partition, skipped, ids)
    log.warning(
        "records are stepped over",
        topic=settings.topic,
        partition=settings.partition,
        offsets=f"{skipped.first} to {skipped.end - 1}",
        sinks=sorted(waiting),
        reason=settings.reason,
    )
    return skipped


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
