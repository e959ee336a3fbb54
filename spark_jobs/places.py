"""Where a checkpoint stands in Kafka: looked at before a stream starts, and moved where records were lost or cannot be read.

Spark keeps places alone. Whether a topic is still the same one is not asked, and a place from which Kafka has nothing any more is
an error at each start, or silence. So FILE beside Spark's own files keeps the topics' ids, and the records that are stepped over.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from confluent_kafka import IsolationLevel, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec

from configuration import KafkaConnection, reach
from spark_jobs.checkpoint_files import Files
from spark_jobs.errors import RecordsExpired, UnusableCheckpoint, UnusableTopic

FILE = "kafka.json"
TIMEOUT_S = 10.0
NEWLINE = b"\n"

ByTopic = dict[str, dict[str, int]]
"""Places, as Spark writes them: by topic and number of the partition, the offset of the next record."""
Gaps = dict[str, dict[str, list[list[int]]]]
"""Ranges that are stepped over, in rising order: the first offset of each, and the one behind its last."""
OnLost = Literal["stop", "skip"]


class Settled(NamedTuple):
    """What a stream begins with."""

    gaps: Gaps
    lost: dict[str, int]
    """Records that Kafka has deleted before they were read, by topic."""
    is_gap_ahead: bool
    """Whether a range that is stepped over lies before the checkpoint: only a micro-batch can do that."""


class Checkpoint:
    """The files of a checkpoint, as far as they are about places."""

    def __init__(self, files: Files, url: str) -> None:
        self._files = files
        ids, gaps = json.loads(files.read(FILE) or '{"topics": {}, "skipped": {}}').values()
        self.ids: dict[str, str] = ids
        self.gaps: Gaps = gaps
        self.committed = max(self._batches("commits"), default=-1)
        """The newest finished batch; -1 before the first one."""
        self._place_file = "sources/0/0" if self.committed < 0 else f"offsets/{self.committed}"
        text = files.read(self._place_file)
        try:
            self.places: ByTopic | None = None if text is None else json.loads(text.rpartition(NEWLINE)[2])
            """Where the next batch begins; None before the first start."""
        except ValueError:
            raise UnusableCheckpoint(
                f"The checkpoint {url} cannot be used: its file {self._place_file} is damaged",
                f"Bring that file back from a copy of the checkpoint; `fraud doctor --checkpoint {url}` looks through all of them.",
            ) from None

    def move(self, places: ByTopic) -> None:
        """Makes the next batch begin elsewhere. One that was planned and not finished is planned anew: it has given no state."""
        for batch in self._batches("offsets"):
            if batch > self.committed:
                self._files.remove(f"offsets/{batch}")
        before = (self._files.read(self._place_file) or b"").rpartition(NEWLINE)[0]
        self._files.write(self._place_file, before + NEWLINE + json.dumps(places).encode())
        self.places = places

    def remember(self, ids: Mapping[str, str], gaps: Gaps) -> None:
        """Keeps the topics' ids and what is stepped over."""
        if (ids, gaps) != (self.ids, self.gaps):
            self._files.write(FILE, json.dumps({"topics": ids, "skipped": gaps}).encode())
            self.ids, self.gaps = dict(ids), gaps

    def _batches(self, folder: str) -> list[int]:
        names = (name.rpartition("/")[2] for name in self._files.sizes(folder))
        return [int(name) for name in names if name.isdigit()]


def settle(checkpoint: Checkpoint, connection: KafkaConnection, topics: Sequence[str], on_lost: OnLost) -> Settled:
    """Sees that the next batch begins at records that Kafka has, in the topics that the checkpoint has read so far.

    With `skip` the checkpoint's place is moved: over what was deleted, and to the beginning of a topic that was made anew.

    Raises:
        RecordsExpired: records were deleted before they were read, or brokers have lost some that were; and it is `stop`.
        UnusableTopic: a topic is another one than before; and it is `stop`.
        BrokerUnreachable, MissingTopic: as `sources.count_partitions`.
    """
    ids, lost = topic_ids(connection, topics), dict[str, int]()
    if checkpoint.places is not None:
        anew = sorted(topic for topic in checkpoint.places if topic in ids and checkpoint.ids.get(topic, ids[topic]) != ids[topic])
        if anew and on_lost == "stop":
            raise UnusableTopic(
                f"Not the topics that this checkpoint has read: {', '.join(anew)}. They were deleted and made anew, or "
                f"{connection.bootstrap_servers} is another cluster",
                "Where the address is wrong, correct kafka.bootstrap_servers. Else start with --on_lost_records skip: the detector "
                "keeps its history, and reads the new topics from their beginning.",
            )
        asked = {topic: places for topic, places in checkpoint.places.items() if topic in ids}
        places, said, lost = _possible(asked, _ends(connection, asked), anew)
        if said and on_lost == "stop":
            raise RecordsExpired(
                f"Kafka no longer has records that were not read yet: {'; '.join(said)}",
                "Start with --on_lost_records skip: the detector keeps its history, goes on behind them, and counts what was lost.",
            )
        if places != asked:
            checkpoint.move({**checkpoint.places, **places})
    kept = {topic: ranges for topic, ranges in checkpoint.gaps.items() if ids.get(topic) == checkpoint.ids.get(topic)}
    checkpoint.remember({**checkpoint.ids, **ids}, kept)
    return Settled(kept, lost, any(_ahead(checkpoint.places, kept)))


def topic_ids(connection: KafkaConnection, topics: Sequence[str]) -> dict[str, str]:
    """Returns the id of each topic; one that is deleted and made anew has another.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
    """
    admin, _ = reach(connection)
    answers = admin.describe_topics(TopicCollection(list(topics)), request_timeout=TIMEOUT_S)
    return {topic: str(answer.result().topic_id) for topic, answer in answers.items()}


def _ends(connection: KafkaConnection, places: ByTopic) -> dict[tuple[str, int], tuple[int, int]]:
    """Returns the first offset of each partition that there is, and the one behind its last."""
    admin, cluster = reach(connection)
    there = [TopicPartition(topic, number) for topic in places for number in cluster.topics[topic].partitions]
    firsts, ends = (
        admin.list_offsets(dict.fromkeys(there, spec), request_timeout=TIMEOUT_S, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
    )
    return {(one.topic, one.partition): (_offset(firsts[one]), _offset(ends[one])) for one in there}


def _offset(answer: Any) -> int:  # confluent_kafka's stubs lack the field
    return int(answer.result().offset)


def _possible(
    places: ByTopic, ends: Mapping[tuple[str, int], tuple[int, int]], anew: Sequence[str]
) -> tuple[ByTopic, list[str], dict[str, int]]:
    """Returns the places from which Kafka can go on, what is lost in words, and how many records by topic."""
    possible: ByTopic = {}
    said, lost = [], dict[str, int]()
    for topic, of_one in places.items():
        if topic in anew:
            possible[topic] = {str(number): first for (name, number), (first, _) in ends.items() if name == topic}
            continue
        possible[topic] = {}
        for number, place in of_one.items():
            where = f"topic {topic}, partition {number}"
            if (topic, int(number)) not in ends:
                said.append(f"{where} is gone")
                continue
            first, end = ends[topic, int(number)]
            possible[topic][number] = min(max(place, first), end)
            if place < first:
                said.append(f"{first - place:,} of {where} (offsets {place} to {first - 1})")
                lost[topic] = lost.get(topic, 0) + first - place
            elif place > end:
                said.append(f"of {where} it has those before offset {end}, and those before {place} were read")
    return possible, said, lost


def _ahead(places: ByTopic | None, gaps: Gaps) -> list[bool]:
    return [
        (places or {}).get(topic, {}).get(number, 0) < first
        for topic, of_one in gaps.items()
        for number, ranges in of_one.items()
        for first, _ in ranges
    ]
