"""The dead letters that wait in Kafka, and those that were replayed.

A replay leaves a receipt in the topic of the dead letters: a record without a value, whose key is the place of the letter's record
and whose header is Kafka's time of it. So whoever reads the letters learns which of them wait, and needs no other place to look at.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from confluent_kafka import Message, TopicPartition
from rich.console import Console
from rich.progress import track

from configuration import KafkaConnection, require_topics
from contract import LOADED_FROM, RECEIPT, ContractError, Rejected, decode
from local.reading import TIMEOUT_S, bounds, consumer_of, until_the_ends

GROUP = "fraud-rejected"
REPLAYED_FROM = "replayed-from"
"""Header of a replayed record: the place of the record that it repeats, such as transactions/0/150."""
ELEMENT = "input-element"
"""Header of a letter of one element of an array (spark_jobs/transforms/egress.py)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Identity(NamedTuple):
    """By what a record is known: where in Kafka it is, or was, and Kafka's time of it."""

    place: str
    milliseconds: int


class Letter(NamedTuple):
    """A dead letter."""

    rejected: Rejected
    element: int | None
    """Place in the value, where that is an array of records."""
    at: datetime
    """When it was written."""

    @property
    def place(self) -> str:
        """Where the record is that could not be read: topic/partition/offset, and perhaps the element."""
        of, element = self.rejected, "" if self.element is None else f"/{self.element}"
        return f"{of.topic}/{of.partition}/{of.offset}{element}"

    @property
    def identity(self) -> Identity:
        """By what the record is known, from a repeat of the letter and from a receipt."""
        return Identity(self.place, milliseconds(self.rejected.timestamp))

    @property
    def replayed_from(self) -> str | None:
        """The place of the record that this one was a replay of, if it was one."""
        return self._told(REPLAYED_FROM)

    @property
    def loaded_from(self) -> str | None:
        """The file and the line that the record was in, if it came from a file."""
        return self._told(LOADED_FROM)

    def _told(self, header: str) -> str | None:
        found = [one.value for one in self.rejected.headers or () if one.key == header]
        return found[0].decode(errors="replace") if found and found[0] is not None else None


class Wanted(NamedTuple):
    """Which letters are asked for; None: any."""

    reason: str | None = None
    """A code, or a code and a field: invalid, invalid:amount."""
    topic: str | None = None
    """Topic of the record."""
    since: datetime | None = None
    """Letters that were written then or later."""

    def takes(self, one: Rejected) -> bool:
        """Returns whether a letter is wanted, whenever it was written."""
        codes = {code for reason in one.reasons for code in (reason, reason.partition(":")[0])}
        return self.topic in (None, one.topic) and (self.reason is None or self.reason in codes)


class Found(NamedTuple):
    """What the topic of the dead letters has."""

    waiting: list[Letter]
    """Those that are wanted and were not replayed, each record once, in the order in which they were written."""
    replayed: list[Letter]
    """Those that are wanted and were."""
    strange: int
    """Records that are neither letter nor receipt."""


def read(connection: KafkaConnection, topic: str, wanted: Wanted) -> Found:
    """Returns the letters that the topic has now. What a detector has repeated after a crash counts once, as it was written last.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        MissingTopic: the topic does not exist.
        NoRecords: Kafka does not hand out its records.
    """
    letters: dict[Identity, Letter] = {}
    receipts: set[Identity] = set()
    strange = 0
    for message in _messages(connection, topic, wanted.since):
        receipt = _receipt(message)
        if receipt is not None:
            receipts.add(receipt)
            continue
        try:
            one = decode(Rejected, message.value())
        except ContractError:
            strange += 1
            continue
        if wanted.takes(one):
            letter = Letter(one, _element(message), time_of(message))
            letters[letter.identity] = letter
    waiting = [one for identity, one in letters.items() if identity not in receipts]
    return Found(waiting, [one for identity, one in letters.items() if identity in receipts], strange)


def milliseconds(at: datetime) -> int:
    """Returns the time as Kafka has it."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def time_of(message: Message) -> datetime:
    """Returns Kafka's time of a record that we have written ourselves."""
    return _EPOCH + timedelta(milliseconds=message.timestamp()[1])


def _messages(connection: KafkaConnection, topic: str, since: datetime | None) -> Iterator[Message]:
    """Yields the records of a topic up to its end, with a bar on a terminal."""
    partitions = require_topics(connection, [topic])[topic]
    consumer = consumer_of(connection, GROUP)
    try:
        starts, total = [], 0
        for number in range(partitions):
            first, end = bounds(consumer, topic, number)
            if since is not None:
                asked = TopicPartition(topic, number, milliseconds(since))
                (found,) = consumer.offsets_for_times([asked], timeout=TIMEOUT_S)
                first = found.offset if found.offset >= 0 else end
            if first < end:
                starts.append(TopicPartition(topic, number, first))
                total += end - first
        consumer.assign(starts)
        console = Console(stderr=True)
        found_ones = until_the_ends(consumer, len(starts))
        yield from track(found_ones, "dead letters", total, console=console, transient=True, disable=not console.is_terminal)
    finally:
        consumer.close()


def _receipt(message: Message) -> Identity | None:
    if message.value() is not None:
        return None
    found = [value for name, value in message.headers() or [] if name == RECEIPT]
    key = message.key()
    if not found or not isinstance(found[0], bytes) or not found[0].isdigit() or not isinstance(key, bytes):
        return None
    return Identity(key.decode(errors="replace"), int(found[0]))


def _element(message: Message) -> int | None:
    found = [value for name, value in message.headers() or [] if name == ELEMENT]
    return int(found[0]) if found and isinstance(found[0], bytes) and found[0].isdigit() else None
