"""Reads the topics that the detector writes, from their ends on."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from configuration import KafkaConnection
from watcher.records import Place, position

SETTINGS = {
    "group.id": "fraud-watcher",  # asked for by the client; no place is kept there
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",  # a topic that is made anew is read from its beginning
    "queued.max.messages.kbytes": 16_384,  # so much memory, whatever the sizes of records
    "log_level": 0,
}
MOST_AT_ONCE = 1_000
READ_S = 0.2
TAIL = 100
"""Records before the end of a partition that are looked at when the watcher begins, and not counted: what was the newest, and which
inputs have their results?"""


class Read(NamedTuple):
    """A record that a topic of the detector's has."""

    message: Message
    place: Place
    is_old: bool
    """Whether it was there when the watcher began."""


class Outputs:
    """Partitions of the detector's topics."""

    def __init__(self, connection: KafkaConnection, on_error: Callable[[KafkaError], None]) -> None:
        self._consumer = Consumer({**connection.librdkafka(), **SETTINGS, "error_cb": on_error})
        self._began: dict[Place, int] = {}
        self._next: dict[Place, int] = {}

    def begin(self, ends: Mapping[Place, int], new: Collection[Place] = ()) -> None:
        """Reads those of the partitions that it does not read yet: from a little before the end, from the beginning if `new`."""
        ends = {place: end for place, end in ends.items() if place not in self._next}
        starts = {place: 0 if place in new else max(end - TAIL, 0) for place, end in ends.items()}
        self._began |= {place: 0 if place in new else end for place, end in ends.items()}
        self._next |= starts
        if starts:
            self._consumer.incremental_assign([TopicPartition(*place, offset) for place, offset in starts.items()])

    def forget(self, anew: Collection[Place]) -> None:
        """Reads no longer what topics held that were made anew; `begin` reads their new partitions."""
        known = self._next.keys() & set(anew)
        if known:
            self._consumer.incremental_unassign([TopicPartition(*place) for place in known])
        for place in known:
            del self._next[place], self._began[place]

    def read(self) -> list[Read]:
        """Returns what has come, within a fifth of a second."""
        found = []
        for message in self._consumer.consume(MOST_AT_ONCE, READ_S):
            at, error = position(message), message.error()
            if at is None or at[0] not in self._next:
                continue
            place, offset = at
            if error is None:
                self._next[place] = offset + 1
                found.append(Read(message, place, offset < self._began[place]))
            elif error.code() == KafkaError._PARTITION_EOF:  # the last records may be gone, or be no records
                self._next[place] = offset
        return found

    def have_read(self, ends: Mapping[Place, int]) -> bool:
        """Returns whether all was read that there was when the partitions ended there."""
        return all(self._next.get(place, 0) >= end for place, end in ends.items())

    def close(self) -> None:
        """Leaves the topics."""
        self._consumer.close()
