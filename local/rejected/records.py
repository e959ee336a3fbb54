"""The record that repeats a dead letter's: from the letter, or from Kafka where the letter does not hold all of it.

A replay goes to the topic and the partition of the record, with its key, its headers and Kafka's time of it, so that it is judged
as it was. One header more says of what it is a replay.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import ConfigResource

from configuration import KafkaConnection, reach
from contract import Header
from local.check.samples import Sample, sample_of
from local.errors import NoRecords
from local.reading import TIMEOUT_S, bounds, consumer_of, until_the_ends
from local.rejected.letters import GROUP, REPLAYED_FROM, Letter, milliseconds
from spark_jobs.transforms.inputs import Inputs

WRONG_TIME = "invalid_timestamp"
"""Reason code of a record whose fault is Kafka's time of it."""
_HIDDEN = re.compile(rb"(?:\*[ -]?){9}")
"""Nine asterisks at least are in the place of a card number's digits (kernel: CardNumbers.java)."""
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\['([^'\"\\]+)'\]")
"""A field in a path; a place of an array is none."""


Bytes = bytes | bytearray


class TopicTimes(NamedTuple):
    """What a topic does with the times of its records."""

    partitions: int
    is_appended: bool
    """Whether Kafka sets each record's time itself, and takes no other (LogAppendTime)."""
    kept: timedelta | None
    """For how long records are kept; None: for ever, or it cannot be asked."""


class Impossible(NamedTuple):
    """Why there is no record to send."""

    why: str


def topic_times(connection: KafkaConnection, topics: Sequence[str]) -> dict[str, TopicTimes]:
    """Returns what those of the topics that exist do with times. Where settings must not be read Kafka's defaults are taken.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
    """
    admin, cluster = reach(connection)
    found = {}
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in topics if name in cluster.topics]
    for resource, future in (admin.describe_configs(asked) if asked else {}).items():
        name = resource.name
        try:
            settings = {key: one.value for key, one in future.result(TIMEOUT_S).items()}
        except KafkaException:
            settings = {}
        kept = int(settings.get("retention.ms") or -1) if "delete" in (settings.get("cleanup.policy") or "delete") else -1
        found[name] = TopicTimes(
            len(cluster.topics[name].partitions),
            settings.get("message.timestamp.type") == "LogAppendTime",
            timedelta(milliseconds=kept) if 0 <= kept < timedelta.max // timedelta(milliseconds=1) else None,
        )
    return found


class Records:
    """Makes the records to be sent. A context manager: it asks Kafka for those that a letter does not hold."""

    def __init__(self, connection: KafkaConnection, inputs: Inputs, times: Mapping[str, TopicTimes]) -> None:
        self._inputs, self._times = inputs.by_topic(), times
        self._consumer: Consumer = consumer_of(connection, GROUP)
        self._now = datetime.now(UTC)

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def of(self, letter: Letter) -> Sample | Impossible:
        """Returns the record that is to be sent; its offset is that of the record which it repeats."""
        of = letter.rejected
        if of.topic not in self._inputs:
            return Impossible("the settings read no such topic")
        if of.topic not in self._times or of.partition >= self._times[of.topic].partitions:
            return Impossible("there is no such partition any more")
        is_hidden = any(_HIDDEN.search(text) for text in (of.key, of.value, *(one.value for one in of.headers or ())) if text)
        if letter.element is not None:
            return self._element(letter, is_whole=not (of.truncated or is_hidden))
        if of.truncated or is_hidden:
            return self._original(letter)
        return self._record(letter, of.key, of.value, of.headers or ())

    def _record(self, letter: Letter, key: Bytes | None, value: Bytes | None, headers: Sequence[Header]) -> Sample:
        of = letter.rejected
        is_now = self._times[of.topic].is_appended or WRONG_TIME in of.reasons
        kept = [(one.key, None if one.value is None else bytearray(one.value)) for one in headers if one.key != REPLAYED_FROM]
        return Sample(
            None if key is None else bytearray(key),
            None if value is None else bytearray(value),
            of.topic,
            of.partition,
            of.offset,
            self._now if is_now else of.timestamp,
            [*kept, (REPLAYED_FROM, bytearray(letter.place.encode()))],
        )

    def _element(self, letter: Letter, *, is_whole: bool) -> Sample | Impossible:
        """Returns a value that has the element alone: the others of its array are scored already."""
        of, (_, _, one) = letter.rejected, self._inputs[letter.rejected.topic][0]
        if not is_whole:
            return Impossible("it is one element of an array, and the letter has not all of it")
        if one.format != "json" or one.each is None:
            return Impossible("it is one element of an array, and the settings read no JSON array of this topic")
        path = one.each.removeprefix("$")
        names = [dotted or bracketed for dotted, bracketed in _STEP.findall(path)]
        if _STEP.sub("", path):
            return Impossible("it is one element of an array inside of an array")
        value = (of.value or b"").strip()
        for name in reversed(names):
            value = b"{%b:%b}" % (json.dumps(name).encode(), value)
        return self._record(letter, of.key, value if names else b"[%b]" % value, of.headers or ())

    def _original(self, letter: Letter) -> Sample | Impossible:
        """Returns the record as its topic has it, if it is the same: a topic that was made anew has others at the same places."""
        of = letter.rejected
        first, end = bounds(self._consumer, of.topic, of.partition)
        found = None
        if first <= of.offset < end:
            self._consumer.assign([TopicPartition(of.topic, of.partition, of.offset)])
            with suppress(NoRecords):  # of a batch of records that is damaged
                found = next(map(sample_of, until_the_ends(self._consumer, 1)), None)
        if found is None or found.offset != of.offset:
            return Impossible(f"the letter has not all of the record ({_lacks(letter)}), and Kafka gives it no more")
        is_same = (WRONG_TIME in of.reasons or milliseconds(found.timestamp) == milliseconds(of.timestamp)) and _agrees(
            of.value, found.value, is_beginning=bool(of.truncated)
        )
        if not is_same:
            return Impossible("another record is in its place: the topic was made anew")
        headers = [Header(key=name, value=None if value is None else bytes(value)) for name, value in found.headers or []]
        return self._record(letter, found.key, found.value, headers)


def _lacks(letter: Letter) -> str:
    return "it is cut" if letter.rejected.truncated else "what may be a card number is hidden"


def _agrees(told: bytes | None, found: bytearray | None, *, is_beginning: bool) -> bool:
    """Returns whether a letter's bytes are those of a record, asterisks aside."""
    if told is None or found is None:
        return told is None and (found is None or is_beginning)
    if (not is_beginning and len(told) != len(found)) or len(told) > len(found):
        return False
    return all(letter in (record, ord("*")) for letter, record in zip(told, found, strict=False))
