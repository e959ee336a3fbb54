"""Where decided events go. One file a sink; each says in its docstring what it promises."""

from collections.abc import Sequence
from typing import Protocol

from pyspark import StorageLevel
from pyspark.sql import DataFrame


class Sink(Protocol):
    """Takes a batch of decided events. The same batch may come again, with the same id: after a crash it does."""

    def write(self, batch: DataFrame, batch_id: int) -> None:
        """Writes the batch; on return it is as durable as the sink promises."""


class FanOut:
    """Writes each batch to every sink in turn, the most durable first: who sees an alert finds its evidence."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks

    def write(self, batch: DataFrame, batch_id: int) -> None:
        """Writes the batch to all sinks; where one fails, none after it is tried and the batch is replayed."""
        if len(self._sinks) == 1:
            self._sinks[0].write(batch, batch_id)
            return
        # Without it every sink would read Kafka and decide again.
        batch.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            for sink in self._sinks:
                sink.write(batch, batch_id)
        finally:
            batch.unpersist()
