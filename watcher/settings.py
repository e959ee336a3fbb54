"""Settings of the watcher. `python -m watcher --help` lists them."""

from pydantic import BaseModel, ConfigDict, Field

from configuration import KafkaConnection, Settings, TopicNames


class Serving(BaseModel):
    """Where metrics are served."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: int = Field(8001, ge=0, le=65_535, description="Port of /metrics and /healthz; 0: a free one, which the log names")
    host: str = Field("127.0.0.1", description="Address at which the port listens; use :: in a pod, which is every address")


class WatcherSettings(Settings):
    """Serves Prometheus metrics, new every second, of the topics that a detector reads and writes."""

    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics")
    inputs: list[str] = Field(
        [], description="Topics of payments, each of whose records gets a result; where none is named, `topics.transactions`"
    )
    filtered_inputs: list[str] = Field(
        [],
        description="Topics of payments of whose records the detector's `input` passes some over: they are counted, but a record "
        "without a result is not taken for one that waits",
    )
    metrics: Serving = Field(Serving(), description="Where metrics are served")

    @property
    def complete_inputs(self) -> tuple[str, ...]:
        """The topics each of whose records gets a result."""
        return tuple(self.inputs) if self.inputs or self.filtered_inputs else (self.topics.transactions,)
