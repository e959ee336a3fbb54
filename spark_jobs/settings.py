"""Settings of the detector: one frozen class, unknown keys refused. `python -m spark_jobs.detect_fraud --help` lists them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, field_validator, model_validator

from configuration import Duration, KafkaConnection, Settings, TopicNames
from contract import RuleAction, Tolerance
from spark_jobs.input_settings import Input, InputSettings, topics_of
from spark_jobs.parts import Part, Place
from spark_jobs.spark_settings import refusals

PassOrRefuse = Literal["pass", "refuse"]
OnLost = Literal["stop", "skip"]


class RealTimeTrigger(Part):
    """Rows flow all the time: tens of milliseconds; one task slot for every partition."""

    mode: Literal["realTime"] = "realTime"
    duration: Duration = Field(
        timedelta(minutes=5),
        ge=timedelta(seconds=5),
        description="Real-time mode: time between checkpoints. If shorter, a crash repeats less, and the stream stalls more often",
    )
    catch_up: bool = Field(
        True,
        description="Real-time mode: what waits in Kafka at the start is read in micro-batches, in the order of its arrival, "
        "before rows flow; false: rows flow at once, and a payment may overtake a label or profile that came before it",
    )


class MicroBatchTrigger(Part):
    """A batch every `interval`."""

    mode: Literal["microBatch"] = "microBatch"
    interval: Duration = Field(
        timedelta(seconds=1), ge=timedelta(0), description="Micro-batch mode: time between the starts of two batches"
    )


class AvailableNowTrigger(Part):
    """Reads all there is, in batches, and stops: tests, backfills, catching up."""

    mode: Literal["availableNow"] = "availableNow"


Trigger = Annotated[RealTimeTrigger | AvailableNowTrigger | MicroBatchTrigger, Field(discriminator="mode")]


RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""Small letters, digits and underscores: it stands in alerts, metrics and queries."""


class Rule(Part):
    """One rule: a question about one transaction, and what a yes means."""

    when: str = Field(description="Spark SQL boolean expression over the transaction's fields, the features and fraud_score")
    action: RuleAction = Field(
        "review",
        description="What is decided when the rule fires; where several fire, decline beats approve, and approve beats review and "
        "the model",
    )
    reason: str = Field(min_length=1, description="Why, in words for the analyst; the alert repeats them")


class Limits(Part):
    """What an input record may be before it is rejected."""

    max_bytes: int = Field(65_536, ge=1_024, le=400_000, description="A record is rejected if its value has more bytes than this")
    max_future: Duration = Field(
        timedelta(minutes=10),
        ge=timedelta(0),
        le=timedelta(days=1),
        description="A record is rejected if its event_time is later than Kafka's timestamp, or one of its times later than the "
        "detector's clock, by more than this",
    )
    max_age: Duration = Field(
        timedelta(days=3_650),
        description="A record is rejected if its event_time is earlier than Kafka's timestamp by more than this",
    )
    unknown_fields: PassOrRefuse = Field(
        "pass", description="What becomes of a record with fields that the contract does not know; those that pass are counted"
    )
    card_numbers: PassOrRefuse = Field(
        "refuse",
        description="What becomes of a record with an identifier that looks like the number of a payment card; pass is for those "
        "whose tokens look so",
    )

    @property
    def tolerance(self) -> Tolerance:
        """The same for `contract.decode`."""
        return Tolerance(unknown_fields=self.unknown_fields == "pass", card_numbers=self.card_numbers == "pass")


class Console(Part):
    """One line an alert on the driver's standard output: the alerts topic is read back."""

    enabled: bool = Field(True, description="Print alerts")
    group: str = Field(
        "fraud-detector-console",
        min_length=1,
        description="Kafka consumer group under which the console remembers which alerts were printed",
    )


def on_s3(*places: str) -> tuple[str, ...]:
    """Returns those of the places that are s3a:// URLs."""
    return tuple(place for place in places if place.startswith("s3a://"))


class S3(Part):
    """How s3a:// paths are reached, those of the checkpoint and of the model store."""

    endpoint: str | None = Field(None, pattern="^https?://", description="URL of the S3 server; null: AWS")
    region: str | None = Field(None, description="Region; null: the AWS SDK looks for it")
    path_style: bool = Field(
        False, description="Put the bucket into the URL's path, not into its host name: for MinIO, Ceph, versitygw"
    )
    credentials_dir: Path | None = Field(
        None,
        description="Folder with the file `credentials` of the AWS tools, profile [default]; null: the AWS SDK looks for "
        "keys by itself (environment, role)",
    )


class Models(Part):
    """The trained model that scores; `fraud models` says which."""

    store: Place | None = Field(None, description="Model store, a folder or s3a:// URL; null: no model, rules decide alone")
    required: bool = Field(
        False,
        description="Start only with a champion that can be used; false: where it is refused, or the store does not answer, rules "
        "decide alone until a look finds one",
    )
    poll: Duration = Field(
        timedelta(seconds=5),
        ge=timedelta(seconds=1),
        description="How often the store is looked at, and so how soon a promotion takes effect",
    )
    public_key_file: Path | None = Field(
        None,
        description="Ed25519 public key, PEM: a version that is not signed by its private key is refused; null: none has to be",
    )


class Metrics(Part):
    """Prometheus metrics of the stream."""

    port: int = Field(0, ge=0, le=65_535, description="Port of /metrics, /healthz and /readyz; 0: none of them is served")
    host: str = Field("127.0.0.1", description="Address at which the port listens; use :: in a pod, which is every address")


class Spark(Part):
    """Spark itself."""

    master: str | None = Field(
        None, description="Where Spark runs; null: where spark-submit says, and without it local[N] with enough slots"
    )
    conf: dict[str, str] = Field(
        {}, description="Further Spark settings; they override this program's own, but for those that a promise rests on"
    )

    @field_validator("conf")
    @classmethod
    def _free(cls, conf: dict[str, str]) -> dict[str, str]:
        if told := refusals(conf):
            raise ValueError("; ".join(told))
        return conf

    @model_validator(mode="after")
    def _one_master(self) -> Self:
        if self.master and "spark.master" in self.conf:
            raise ValueError("`spark.master` stands in conf too; one of them is enough")
        return self


def _start(value: Any) -> Any:
    try:
        at = value if value in ("earliest", "latest") or isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or (isinstance(at, datetime) and at.tzinfo is None):
        raise ValueError("it is earliest, latest, or a time with a zone such as 2026-11-24T10:00:00Z")
    return at


class DetectorSettings(Settings):
    """Reads transactions from Kafka, scores them, publishes explained alerts."""

    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics")
    input: InputSettings = Field(InputSettings(), description="Where records come from, and how foreign ones are read")
    trigger: Trigger = Field(
        MicroBatchTrigger(),
        description="How the stream runs: realTime, microBatch (default), or availableNow, which reads all there is and ends",
    )
    checkpoint: Place = Field(
        "checkpoints/detect_fraud",
        description="Where the stream keeps its place in Kafka and all history, a folder or s3a:// URL; each detector has its own",
    )
    start: Annotated[Literal["earliest", "latest"] | AwareDatetime, BeforeValidator(_start)] = Field(
        "earliest",
        description="Where a new checkpoint begins in transactions and labels: earliest, latest, or a time such as "
        "2026-11-24T10:00:00Z, by Kafka's timestamps. Profiles are read from the beginning. An old checkpoint goes on where it is",
    )
    publish_from: AwareDatetime | None = Field(
        None,
        description="Of records that came to Kafka before, nothing leaves: they make the history that later ones see. null: of all",
    )
    on_lost_records: OnLost = Field(
        "stop",
        description="What a start does where Kafka has deleted records before they were read, or has made a topic anew: stop, or "
        "skip, which goes on behind them with the history kept, and counts them",
    )
    max_offsets: int = Field(
        300_000,
        ge=1,
        description="How many records a batch reads at most; in real-time mode while it catches up. More are faster and take more "
        "memory",
    )
    state_partitions: int = Field(
        2,
        ge=1,
        le=1_000,
        description="Tasks that keep the history of cards, and as many for that of terminals. Fixed for a checkpoint's life",
    )
    limits: Limits = Field(Limits(), description="Limits beyond which an input record is rejected")
    rules: dict[RuleName, Rule] = Field(
        {}, description="Rules by name; each has when, action and reason", json_schema_extra={"additionalProperties": False}
    )
    max_declines_per_minute: int | None = Field(
        None,
        ge=0,
        description="Of the payments of one minute, by Kafka's timestamps, at most so many are declined; rules and model can only "
        "ask for a review of the others, and the alert says so. Each of the state_partitions has an equal part. null: no ceiling",
    )
    models: Models = Field(Models(), description="The trained model that scores")
    console: Console = Field(Console(), description="Alerts on standard output")
    s3: S3 = Field(S3(), description="How s3a:// paths are reached")
    metrics: Metrics = Field(Metrics(), description="Prometheus metrics of the stream")
    spark: Spark = Field(Spark(), description="Spark itself")
    stop_timeout: Duration = Field(
        timedelta(seconds=30),
        description="How long a stop waits for the current batch. One that takes longer is cut off, and repeated on the next start",
    )
    log_dir: Path | None = Field(
        Path("logs"), description="Folder for spark.log and detect_fraud.log, with full traces of errors; null: standard error"
    )

    @model_validator(mode="after")
    def _inputs_fit(self) -> Self:
        self.input.by_kind(self.topics)
        if self.input.topic_of_files(self.topics) is not None:
            if not isinstance(self.trigger, AvailableNowTrigger):
                raise ValueError("`input.files` is for a run that reads all there is and ends: set trigger.mode to availableNow")
            if self.start == "latest":
                raise ValueError("with `input.files` a new checkpoint cannot start at latest, which is behind what the files hold")
        return self

    @model_validator(mode="after")
    def _partitions_are_one_setting(self) -> Self:
        if "spark.sql.shuffle.partitions" in self.spark.conf:
            raise ValueError("`spark.sql.shuffle.partitions` in spark.conf does nothing: state_partitions says it")
        return self

    @property
    def inputs(self) -> dict[str, tuple[Input, ...]]:
        """The inputs of each kind of record, with their topics."""
        return self.input.by_kind(self.topics)

    @property
    def input_topics(self) -> tuple[str, ...]:
        """Names of the topics that are read, transactions first."""
        return topics_of(self.inputs)

    @property
    def profile_topics(self) -> tuple[str, ...]:
        """Names of the topics that have profiles alone."""
        events = topics_of({kind: self.inputs[kind] for kind in ("transaction", "label")})
        return tuple(name for name in self.input_topics if name not in events)

    def slots(self, partitions: int) -> int:
        """Returns how many task slots the query needs at once, where its input topics have so many partitions.

        In real-time mode the tasks of all stages run at once: one a partition, then those of the two stateful steps.
        """
        return partitions + 2 * self.state_partitions if isinstance(self.trigger, RealTimeTrigger) else 1

    @property
    def s3a_paths(self) -> tuple[str, ...]:
        """The s3a:// URLs that the detector reads or writes."""
        others = (self.models.store, self.input.files and self.input.files.folder)
        return on_s3(self.checkpoint, *(place for place in others if place))
