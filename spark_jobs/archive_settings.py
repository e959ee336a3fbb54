"""Settings of the archiver: what it copies, and where to. `python -m spark_jobs.archive_scored --help` lists them."""

from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from configuration import Duration, KafkaConnection, PostgresConnection, Settings, TopicNames
from spark_jobs.input_settings import Input, InputSettings, topics_of
from spark_jobs.parts import Part, Place
from spark_jobs.settings import S3, AvailableNowTrigger, Limits, Metrics, MicroBatchTrigger, OnLost, Spark, on_s3

NAME = "archive_scored"
TASKS = 2
LEARNT_FROM = ("label", "customer", "merchant")
"""Kinds of input records that are archived as they were sent. A transaction is archived as the detector has read it."""

SinkName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
"""It is the name of a folder in the checkpoint, and stands in logs."""


class ParquetSettings(Part):
    """Parquet files in a folder or in S3."""

    type: Literal["parquet"] = "parquet"
    path: Place = Field(description="Folder, or s3a://bucket/folder; it belongs to this sink's checkpoint alone")
    tasks: int = Field(TASKS, ge=1, le=1_000, description="How many tasks write at once; as many files a day and batch at most")


class DeltaSettings(Part):
    """Delta tables in a folder or in S3: Parquet files, and a log that says which of them count."""

    type: Literal["delta"] = "delta"
    path: Place = Field(description="Folder, or s3a://bucket/folder; it belongs to this sink's checkpoint alone")
    tasks: int = Field(TASKS, ge=1, le=1_000, description="How many tasks write at once; as many files a day and batch at most")


class Retention(Part):
    """How long rows are kept, by their time; older ones are not written, and a partition whose rows are all older is dropped."""

    scored: Duration = Field(timedelta(days=7), ge=timedelta(days=1), description="Of scored payments, by event_time, in days")
    alerts: Duration = Field(timedelta(days=400), ge=timedelta(days=31), description="Of alerts, by timestamp, in months")
    labels: Duration = Field(timedelta(days=400), ge=timedelta(days=31), description="Of labels, by labelled_at, in months")


class PostgresSettings(PostgresConnection):
    """Tables in PostgreSQL 15 or newer, which the archiver makes: scored payments, alerts, labels, and views of them."""

    type: Literal["postgres"] = "postgres"
    tasks: int = Field(TASKS, ge=1, le=1_000, description="How many tasks write at once, each on a connection of its own")
    timeout: Duration = Field(
        timedelta(seconds=30),
        ge=timedelta(seconds=2),
        description="How long a task may take for its part of a batch, and so how long a server that hangs holds it",
    )
    retention: Retention = Field(Retention(), description="How long rows are kept")


SinkSettings = Annotated[ParquetSettings | DeltaSettings | PostgresSettings, Field(discriminator="type")]


class ArchiveSettings(Settings):
    """Copies from Kafka what the detector has decided, and what it has learnt from, each record exactly once."""

    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics")
    input: InputSettings = Field(
        InputSettings(),
        description="How labels and profiles are read, as in the detector's settings; transactions are not read here",
    )
    limits: Limits = Field(
        Limits(), description="Limits beyond which a label or profile is unreadable, as in the detector's settings"
    )
    sinks: dict[SinkName, SinkSettings] = Field(
        {"lake": ParquetSettings(path="lake")},
        min_length=1,
        json_schema_extra={"additionalProperties": False},
        description="Where records are copied to, by a name that is yours. Each has its own pace, whatever happens to the others",
    )
    checkpoint: Place = Field(
        f"checkpoints/{NAME}",
        description="Where each sink's place in Kafka is kept, a folder or s3a:// URL; CHECKPOINT/NAME belongs to one sink",
    )
    trigger: Annotated[AvailableNowTrigger | MicroBatchTrigger, Field(discriminator="mode")] = Field(
        MicroBatchTrigger(interval=timedelta(minutes=1)),
        description="microBatch, or availableNow, which copies all there is and ends",
    )
    on_lost_records: OnLost = Field(
        "stop",
        description="What a sink does where Kafka has deleted records before they were read, or has made a topic anew: stop, or "
        "skip, which goes on behind them with all that the sink has, and counts them",
    )
    max_offsets: int = Field(300_000, ge=1, description="How many records of each of the two kinds of topics a batch reads at most")
    retry: Duration = Field(
        timedelta(minutes=1),
        ge=timedelta(seconds=1),
        description="Longest pause before a sink that has failed is tried again; the first is a second, and each is twice as long",
    )
    s3: S3 = Field(S3(), description="How s3a:// paths are reached")
    metrics: Metrics = Field(Metrics(), description="Prometheus metrics of the sinks")
    spark: Spark = Field(Spark(), description="Spark itself")
    stop_timeout: Duration = Field(
        timedelta(seconds=30),
        description="How long a stop waits for the current batch. One that takes longer is cut off, and repeated on the next start",
    )
    log_dir: Path | None = Field(
        Path("logs") / NAME,
        description=f"Folder of spark.log, {NAME}.log and those of the sinks, with full traces; null: standard error",
    )

    @model_validator(mode="after")
    def _places_differ(self) -> Self:
        self.input.by_kind(self.topics)
        paths = [one.path.rstrip("/") for one in self.sinks.values() if not isinstance(one, PostgresSettings)]
        if len(set(paths)) < len(paths):
            raise ValueError("two sinks have the same path")
        return self

    @property
    def inputs(self) -> dict[str, tuple[Input, ...]]:
        """The inputs of each kind of record that is archived as it was sent, with their topics."""
        found = self.input.by_kind(self.topics)
        return {kind: found[kind] for kind in LEARNT_FROM}

    @property
    def input_topics(self) -> tuple[str, ...]:
        """Names of the topics with labels and profiles."""
        return topics_of(self.inputs)

    @property
    def sources(self) -> tuple[tuple[str, ...], ...]:
        """Names of the topics that are read, by the source that reads them, in the order of `archive_scored.rows`."""
        return self.topics.outputs(), self.input_topics

    @property
    def all_topics(self) -> tuple[str, ...]:
        """The same as one."""
        return tuple(chain(*self.sources))

    @property
    def slots(self) -> int:
        """How many task slots it takes so that a sink that hangs holds none of another's, and one for reading."""
        return sum(one.tasks for one in self.sinks.values()) + 1

    def checkpoint_of(self, sink: str) -> str:
        """Returns where a sink's place is kept."""
        return f"{self.checkpoint.rstrip('/')}/{sink}"

    @property
    def s3a_checkpoint(self) -> tuple[str, ...]:
        """The checkpoint, where it is on S3."""
        return on_s3(self.checkpoint)
