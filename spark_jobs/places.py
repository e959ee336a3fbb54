"""Where a checkpoint stands in Kafka: looked at before a stream starts, and moved where records were lost or cannot be read.

Spark keeps places alone. Whether a topic is still the same one is not asked, and a place from which Kafka has nothing any more is
an error at each start, or silence. So FILE beside Spark's own files keeps the topics' ids, and the records that are stepped over.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import structlog
from confluent_kafka import IsolationLevel, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec

from configuration import BrokerUnreachable, KafkaConnection, reach
from spark_jobs.checkpoint_files import Files
from spark_jobs.errors import RecordsExpired, UnusableCheckpoint, UnusableTopic
from spark_jobs.settings import OnLost

FILE = "kafka.json"
TIMEOUT_S = 10.0
NEWLINE, NOTHING = b"\n", b"-"

log = structlog.get_logger()

ByTopic = dict[str, dict[str, int]]
"""Places, as Spark writes them: by topic and number of the partition, the offset of the next record."""
Gaps = dict[str, dict[str, list[list[int]]]]
"""Ranges that are stepped over, in rising order: the first offset of each, and the one behind its last."""
Ends = Mapping[tuple[str, int], tuple[int, int]]
"""By topic and partition, the first offset that there is, and the one behind the last."""


class Settled(NamedTuple):
    """What a stream begins with."""

    gaps: Gaps
    lost: dict[str, int]
    """Records that Kafka has deleted before they were read, by topic."""
    is_gap_ahead: bool
    """Whether a range that is stepped over lies before the checkpoint: only a micro-batch can do that."""


class Checkpoint:
    """The files of a checkpoint, as far as they are about places. A stream may have several sources, of different topics."""

    def __init__(self, files: Files, url: str) -> None:
        self._files, self._url = files, url
        kept = json.loads(files.read(FILE) or "{}")
        self.ids: dict[str, str] = kept.get("topics", {})
        self.gaps: Gaps = kept.get("skipped", {})
        self.left: ByTopic = kept.get("left", {})
        """Places in topics that are no input any more: should they become one again, they are read on from there."""
        self.committed = max(self._batches("commits"), default=-1)
        """The newest finished batch; -1 before the first one."""
        self._place_files = (
            [f"offsets/{self.committed}"]
            if self.committed >= 0
            else sorted(name for name in files.sizes("sources") if name.endswith("/0"))
        )
        self.places = self._places()
        """Where the next batch begins; None before the first start."""

    def move(self, moved: Callable[[int, ByTopic], ByTopic]) -> None:
        """Makes the next batch begin elsewhere: `moved` takes the number of a source and its places, and returns the new ones.

        One that was planned and not finished keeps its end, moved in the same way: a sink that knows batches by their number may
        have a part of it, and finds no other records in it when it comes again.
        """
        planned = [f"offsets/{batch}" for batch in self._batches("offsets") if batch > self.committed]
        for name in (*planned, *self._place_files):  # the place last: until then the next start looks again
            own, old = (self._lines(name) or [])[: _own(name)], self._read(name)
            first = int(name.split("/")[1]) if name.startswith("sources/") else 0
            new = [moved(source, of_one or {}) for source, of_one in enumerate(old, first)]
            lines = [
                NOTHING if before is None and not after else json.dumps(after).encode()
                for before, after in zip(old, new, strict=True)
            ]
            self._files.write(name, NEWLINE.join([*own, *lines]))
        self.places = self._places()

    def _places(self) -> ByTopic | None:
        found = [of_one for name in self._place_files for of_one in self._read(name) if of_one is not None]
        return {topic: of_one for some in found for topic, of_one in some.items()} if found else None

    def place(self, topic: str, partition: int) -> int:
        """Returns the offset of the record of a partition that is read next."""
        return (self.places or {}).get(topic, {}).get(str(partition), 0)

    def step_over(self, topic: str, partition: int, records: tuple[int, int], ids: Mapping[str, str]) -> None:
        """Keeps that a range is not to be read, its first offset and the one behind its last; `ids` are those of the topics now."""
        gaps: Gaps = {name: dict(of_one) for name, of_one in self.gaps.items()}
        of_topic = gaps.setdefault(topic, {})
        of_topic[str(partition)] = sorted([*of_topic.get(str(partition), []), list(records)])
        self.remember({**self.ids, **ids}, gaps, self.left)

    def remember(self, ids: Mapping[str, str], gaps: Gaps, left: ByTopic) -> None:
        """Keeps the topics' ids, what is stepped over, and the places in topics that were left."""
        if (ids, gaps, left) != (self.ids, self.gaps, self.left):
            self._files.write(FILE, json.dumps({"topics": ids, "skipped": gaps, "left": left}).encode())
            self.ids, self.gaps, self.left = dict(ids), gaps, left

    def _read(self, name: str) -> list[ByTopic | None]:
        """Returns what a file says of each source, None of one that had nothing yet; nothing where there is no file."""
        lines = self._lines(name)
        if lines is None:
            return []
        try:
            if len(lines) <= _own(name):
                raise ValueError(name)
            return [None if line == NOTHING else json.loads(line) for line in lines[_own(name) :]]
        except ValueError:
            raise UnusableCheckpoint(
                f"The checkpoint {self._url} cannot be used: its file {name} is damaged",
                "Bring that file back from a copy of the checkpoint; "
                f"`fraud doctor --checkpoint {self._url}` looks through all of them.",
            ) from None

    def _lines(self, name: str) -> list[bytes] | None:
        text = self._files.read(name)
        return None if text is None else text.split(NEWLINE)

    def _batches(self, folder: str) -> list[int]:
        names = (name.rpartition("/")[2] for name in self._files.sizes(folder))
        return [int(name) for name in names if name.isdigit()]


def settle(checkpoint: Checkpoint, connection: KafkaConnection, sources: Sequence[Sequence[str]], on_lost: OnLost) -> Settled:
    """Sees that the next batch begins at records that Kafka has, in the topics that the checkpoint has read so far.

    `sources` are the topics of each source of the stream. The place in one that is no input any more is laid aside, and taken up
    again with it. With `skip` the checkpoint's place is moved: over what was deleted, which the log tells, and to the beginning of
    a topic that was made anew.

    Raises:
        RecordsExpired: records were deleted before they were read, or brokers have lost some that were; and it is `stop`.
        UnusableTopic: a topic is another one than before; and it is `stop`.
        BrokerUnreachable, MissingTopic: as `sources.count_partitions`.
    """
    ids, lost = topic_ids(connection, [topic for of_one in sources for topic in of_one]), dict[str, int]()
    left = dict(checkpoint.left)
    if checkpoint.places is not None:
        back = {topic: left.pop(topic) for topic in checkpoint.left if topic in ids}
        asked = {topic: place for topic, place in {**back, **checkpoint.places}.items() if topic in ids}
        anew = sorted(topic for topic in asked if checkpoint.ids.get(topic, ids[topic]) != ids[topic])
        if anew and on_lost == "stop":
            raise UnusableTopic(
                f"Not the topics that this checkpoint has read: {', '.join(anew)}. They were deleted and made anew, or "
                f"{connection.bootstrap_servers} is another cluster",
                "Where the address is wrong, correct kafka.bootstrap_servers. Else start with --on_lost_records skip: what was "
                "read before is kept, and the new topics are read from their beginning.",
            )
        there = ends(connection, asked)
        places, said, lost = possible(asked, there, anew)
        if said and on_lost == "stop":
            raise RecordsExpired(
                f"Kafka no longer has records that were not read yet: {'; '.join(said)}",
                "Start with --on_lost_records skip: what was read before is kept, and the stream goes on behind them and counts "
                "what was lost.",
            )
        if places != checkpoint.places:
            for topic, number in lost.items():
                log.warning("records are lost: Kafka had deleted them", topic=topic, records=number)
            left |= {topic: place for topic, place in checkpoint.places.items() if topic not in ids}
            checkpoint.remember(checkpoint.ids, checkpoint.gaps, {**checkpoint.left, **left})  # before the place forgets them
            checkpoint.move(lambda source, old: possible(_of(sources[source], {**back, **old}), there, anew)[0])
    known = {**checkpoint.ids, **ids}
    kept = {topic: ranges for topic, ranges in checkpoint.gaps.items() if known.get(topic) == checkpoint.ids.get(topic)}
    checkpoint.remember(known, kept, left)
    return Settled(kept, lost, any(_ahead(checkpoint.places, kept)))


def _of(topics: Sequence[str], places: ByTopic) -> ByTopic:
    return {topic: of_one for topic, of_one in places.items() if topic in topics}


def topic_ids(connection: KafkaConnection, topics: Sequence[str]) -> dict[str, str]:
    """Returns the id of each topic; one that is deleted and made anew has another.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
    """
    admin, _ = reach(connection)
    with _answering(connection):
        answers = admin.describe_topics(TopicCollection(list(topics)), request_timeout=TIMEOUT_S)
        return {topic: str(answer.result().topic_id) for topic, answer in answers.items()}


def ends(connection: KafkaConnection, topics: Iterable[str], *, committed: bool = False) -> Ends:
    """Returns what Kafka has of the topics' partitions; `committed`: but for what lies behind a transaction that is open.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
    """
    admin, cluster = reach(connection)
    there = [TopicPartition(topic, number) for topic in topics for number in cluster.topics[topic].partitions]
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    with _answering(connection):
        firsts, lasts = (
            admin.list_offsets(dict.fromkeys(there, spec), request_timeout=TIMEOUT_S, isolation_level=level)
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
        )
        return {(one.topic, one.partition): (_offset(firsts[one]), _offset(lasts[one])) for one in there}


@contextmanager
def _answering(connection: KafkaConnection) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise BrokerUnreachable(
            f"Kafka at {connection.bootstrap_servers} does not say which records it has: {error.args[0]}",
            "Check that it runs, and that this user may read the topics.",
        ) from None


def _offset(answer: Any) -> int:  # confluent_kafka's stubs lack the field
    return int(answer.result().offset)


def possible(places: ByTopic, ends: Ends, anew: Sequence[str]) -> tuple[ByTopic, list[str], dict[str, int]]:
    """Returns the places from which Kafka can go on, what is lost in words, and how many records by topic."""
    found: ByTopic = {}
    said, lost = [], dict[str, int]()
    for topic, of_one in places.items():
        if topic in anew:
            found[topic] = {str(number): first for (name, number), (first, _) in ends.items() if name == topic}
            continue
        found[topic] = {}
        for number, place in of_one.items():
            where = f"topic {topic}, partition {number}"
            if (topic, int(number)) not in ends:
                said.append(f"{where} is gone")
                continue
            first, end = ends[topic, int(number)]
            found[topic][number] = min(max(place, first), end)
            if place < first:
                said.append(f"{first - place:,} of {where} (offsets {place} to {first - 1})")
                lost[topic] = lost.get(topic, 0) + first - place
            elif place > end:
                said.append(f"of {where} it has those before offset {end}, and those before {place} were read")
    return found, said, lost


def _own(name: str) -> int:
    """Returns how many lines of a file are Spark's own: the version of its form, and in offsets/ what it says of the batch."""
    return 2 if name.startswith("offsets/") else 1


def _ahead(places: ByTopic | None, gaps: Gaps) -> list[bool]:
    return [
        (places or {}).get(topic, {}).get(number, 0) < first
        for topic, of_one in gaps.items()
        for number, ranges in of_one.items()
        for first, _ in ranges
    ]
