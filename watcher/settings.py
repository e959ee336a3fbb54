"""Settings of the watcher. `python -m watcher --help` lists them."""

from pydantic import Field

from configuration import KafkaConnection, Settings, TopicNames
from configuration.serving import Serving


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
