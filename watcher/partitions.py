"""Which partitions there are, and which have come since the watcher began."""

from collections.abc import Mapping
from typing import NamedTuple

from watcher.records import Place


class Topic(NamedTuple):
    """A topic, as Kafka describes it."""

    partitions: int
    id: str
    """Another one where the topic was deleted and made anew."""


NO_TOPIC = Topic(0, "")


class Partitions:
    """Partitions of the topics that are watched."""

    def __init__(self) -> None:
        self._topics: dict[str, Topic] = {}
        self.all: set[Place] = set()
        self.new: set[Place] = set()
        """Those that were not there when Kafka was first asked: all that they hold has come since."""

    def seen(self, topics: Mapping[str, Topic]) -> set[Place]:
        """Takes what Kafka says of topics; returns the partitions of those that were made anew."""
        anew: set[Place] = set()
        for name, topic in topics.items():
            known = self._topics.get(name)
            if known and known.partitions and topic == NO_TOPIC:
                continue  # it may come again
            places = {Place(name, number) for number in range(topic.partitions)}
            if known and known.partitions and known.id != topic.id:
                anew |= places
            self.new |= places - self.all if known else set()
            self.all |= places
            self._topics[name] = topic
        self.new |= anew
        return anew
