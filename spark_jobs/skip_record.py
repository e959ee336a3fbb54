"""Steps over a record that cannot be read. `python -m spark_jobs.skip_record --config FILE --topic T --partition P --offset O`.

The checkpoint keeps its history and its place: what lies before the record is read as ever, and what lies behind it too. Where
Kafka still gives the record's bytes they become a dead letter. `fraud skip` calls this.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from confluent_kafka import Message, Producer, TopicPartition
from pydantic import Field

from configuration import FraudDetectionError, report
from contract import SCHEMA_VERSION, Rejected, encode
from spark_jobs import running, session
from spark_jobs.checkpoint_files import files_of
from spark_jobs.damage import Range, reader, unreadable
from spark_jobs.errors import UnreadableRecord
from spark_jobs.places import Checkpoint, topic_ids
from spark_jobs.settings import DetectorSettings, on_s3
from spark_jobs.sinks.kafka import message_sizes
from spark_jobs.transforms.egress import repeated

PROGRAM = "python -m spark_jobs.skip_record"
NAME = "skip_record"
CODE = "skipped"
TIMEOUT_S = 10.0
LAST_MILLISECOND = 32_503_679_999_999
"""Of the year 2999."""

log = structlog.get_logger()


class SkipSettings(DetectorSettings):
    """Steps over a record that cannot be read, in the detector's checkpoint.

    It takes the detector's settings, so that the detector's own file can be given, and uses kafka, topics, input, checkpoint, s3
    and spark.conf. The detector must not run.
    """

    topic: str = Field(description="The record's topic")
    partition: int = Field(ge=0, description="Its partition")
    offset: int = Field(ge=0, description="Its offset, as the detector's error names it")
    reason: str = Field("", description="Why, for whoever reads the dead letter and the log")


def main(arguments: Sequence[str] | None = None) -> int:
    """Steps over the record; returns the exit code."""
    try:
        settings = SkipSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    return 0


def run(settings: SkipSettings) -> None:
    """Steps over the record, with a Spark of its own: what knows how to reach a checkpoint.

    Raises:
        FraudDetectionError: as `skip`, or another of `spark_jobs.errors`; CheckpointInUse where the detector runs.
    """
    with (
        session.small(NAME, settings.spark, settings.s3, on_s3(settings.checkpoint)) as spark,
        running.own_checkpoint(spark, settings.checkpoint, NAME, None),
    ):
        skip(Checkpoint(files_of(spark, settings.checkpoint), settings.checkpoint), settings)


def skip(checkpoint: Checkpoint, settings: SkipSettings) -> Range:
    """Returns the records that the next start steps over: a damaged batch goes as a whole.

    Raises:
        UnreadableRecord: there is no such record, or the checkpoint is behind it already.
        BrokerUnreachable: no broker answers within ten seconds.
    """
    ids = topic_ids(settings.kafka, settings.input_topics)
    if settings.topic not in ids:
        raise UnreadableRecord(f"The detector does not read the topic {settings.topic}", f"It reads {', '.join(ids)}.")
    place = checkpoint.place(settings.topic, settings.partition)
    if place > settings.offset:
        raise UnreadableRecord(
            f"The checkpoint {settings.checkpoint} is behind that record already: its place is offset {place}",
            "Nothing is to be stepped over. Name the offset that the detector's newest error names.",
        )
    skipped = unreadable(settings.kafka, TopicPartition(settings.topic, settings.partition, settings.offset))
    _send(settings, _letters(settings, skipped))  # first: a stop between the two repeats them, and loses none
    checkpoint.step_over(settings.topic, settings.partition, skipped, ids)
    log.warning(
        "records are stepped over",
        topic=settings.topic,
        partition=settings.partition,
        offsets=f"{skipped.first} to {skipped.end - 1}",
        reason=settings.reason,
    )
    return skipped


def _letters(settings: SkipSettings, skipped: Range) -> list[bytes]:
    """Returns a dead letter for each record; one without content where Kafka's client cannot take it apart."""
    repeats = repeated(message_sizes(settings.kafka, [settings.topics.rejected])[settings.topics.rejected])
    consumer = reader(settings.kafka, check=False)
    found: dict[int, Message] = {}
    try:
        consumer.assign([TopicPartition(settings.topic, settings.partition, skipped.first)])
        while (message := consumer.poll(TIMEOUT_S)) and int(message.offset() or 0) < skipped.end:
            if message.error() is None:
                found[int(message.offset() or 0)] = message
    finally:
        consumer.close()
    return [_letter(settings, offset, found.get(offset), repeats.value) for offset in range(*skipped)]


def _letter(settings: SkipSettings, offset: int, message: Message | None, most: int) -> bytes:
    # Of a foreign record nothing but its place goes on: it may have card numbers.
    is_foreign = any(one.fields for of_kind in settings.inputs.values() for one in of_kind if one.topic == settings.topic)
    value = None if message is None or is_foreign else message.value()
    millis = None if message is None else message.timestamp()[1]
    is_known = millis is not None and 0 <= millis <= LAST_MILLISECOND
    letter = Rejected(
        topic=settings.topic,
        partition=settings.partition,
        offset=offset,
        timestamp=datetime.fromtimestamp(millis / 1000, UTC) if is_known and millis is not None else datetime.now(UTC),
        reasons=(f"{CODE}:{settings.reason}" if settings.reason else CODE,),
        schema_version=SCHEMA_VERSION,
        value=value[:most] if value else value,
        truncated=True if value is None or len(value) > most else None,
    )
    return encode(letter)


def _send(settings: SkipSettings, letters: list[bytes]) -> None:
    producer = Producer({**settings.kafka.librdkafka(), "acks": "all"})
    failed: list[str] = []
    for letter in letters:
        producer.produce(
            settings.topics.rejected, letter, on_delivery=lambda error, _: failed.append(str(error)) if error else None
        )
    if producer.flush(TIMEOUT_S) or failed:
        raise UnreadableRecord(
            f"The dead letter cannot be sent to {settings.topics.rejected}{f': {failed[0]}' if failed else ''}",
            "Nothing is stepped over yet. Check the topic and the rights to write to it.",
        )


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
