"""Which partitions there are, and which have come since the watcher began."""

from collections.abc import Mapping

from watcher.records import Place


class Partitions:
    """Partitions of the topics that are watched."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self.all: set[Place] = set()
        self.new: set[Place] = set()
        """Those that were not there when Kafka was first asked: all that they hold has come since."""

    def counted(self, counts: Mapping[str, int]) -> None:
        """Takes the number of partitions of topics, 0 of one that is not there."""
        for topic, count in counts.items():
            known = self._counts.get(topic)
            more = {Place(topic, number) for number in range(known or 0, count)}
            self.all |= more
            self.new |= more if known is not None else set()
            self._counts[topic] = max(known or 0, count)
