"""What the detector of now would do with the records of dead letters."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from confluent_kafka import TopicPartition
from pyspark.sql import SparkSession

from configuration import KafkaConnection
from local.check.__main__ import check
from local.check.report import Checked
from local.check.samples import Sample
from local.reading import bounds, consumer_of, until_the_ends
from local.rejected.letters import GROUP, Letter
from local.rejected.records import Impossible, Records
from spark_jobs.settings import DetectorSettings
from spark_jobs.sources import inputs_of
from spark_jobs.transforms.mapping import PROFILE_KEYS

AT_ONCE = 5_000
"""Records that Spark is given together."""

Outcome = Literal["scored", "remembered", "rejected", "passed over", "superseded", "impossible"]
PASSES: tuple[Outcome, ...] = ("scored", "remembered")
"""Outcomes of the letters that are sent."""
IN_WORDS: Mapping[Outcome, str] = {
    "scored": "would be scored",
    "remembered": "would change the history, and give no record",
    "rejected": "would be rejected again",
    "passed over": "no input would take it",
    "superseded": "a newer profile has come",
    "impossible": "cannot be replayed",
}


class Verdict(NamedTuple):
    """What would become of one letter's record."""

    letter: Letter
    outcome: Outcome
    why: tuple[str, ...]
    """Reason codes of what is rejected; a sentence of what is impossible."""
    record: Sample | None
    """What is to be sent; None where there is nothing."""
    is_profile: bool = False

    @property
    def passes(self) -> bool:
        """Whether it is worth sending."""
        return self.outcome in PASSES


def judge(spark: SparkSession, letters: Sequence[Letter], records: Records, settings: DetectorSettings) -> list[Verdict]:
    """Returns a verdict for each letter, in their order.

    Raises:
        FraudDetectionError: one of `spark_jobs.errors` or `local.errors`.
    """
    found: list[Verdict] = []
    for first in range(0, len(letters), AT_ONCE):
        found += _judge(spark, letters[first : first + AT_ONCE], records, settings)
    return list(_without_old_profiles(found, settings.kafka))


def _judge(spark: SparkSession, letters: Sequence[Letter], records: Records, settings: DetectorSettings) -> Iterator[Verdict]:
    made = [records.of(letter) for letter in letters]
    # Elements of one value have one place: here each record has its number for an offset, which nothing else looks at.
    samples = [one._replace(offset=number) for number, one in enumerate(made) if isinstance(one, Sample)]
    checked: defaultdict[int, list[Checked]] = defaultdict(list)
    if samples:
        for one in check(spark, samples, inputs_of(settings.input, settings.topics), settings):
            checked[int(one.place.rpartition("/")[2])].append(one)
    for number, (letter, record) in enumerate(zip(letters, made, strict=True)):
        if isinstance(record, Impossible):
            yield Verdict(letter, "impossible", (record.why,), None)
        else:
            yield verdict_of(letter, record, checked[number], settings)


def verdict_of(letter: Letter, record: Sample, checked: Sequence[Checked], settings: DetectorSettings) -> Verdict:
    """Returns the verdict on a letter whose record would be read as `checked`: nothing, one record, or those of an array."""
    reasons = tuple(dict.fromkeys(reason for one in checked for reason in one.reasons))
    passing = {one.kind for one in checked if not one.reasons}
    is_early = settings.publish_from is not None and record.timestamp < settings.publish_from
    if not checked:
        return Verdict(letter, "passed over", (), record)
    if not passing:
        return Verdict(letter, "rejected", reasons, record)
    if "transaction" in passing and is_early:
        return Verdict(letter, "remembered", ("it came before publish_from", *reasons), record)
    outcome: Outcome = "scored" if "transaction" in passing else "remembered"
    return Verdict(letter, outcome, reasons, record, is_profile=bool(passing & PROFILE_KEYS.keys()))


def _without_old_profiles(verdicts: Sequence[Verdict], connection: KafkaConnection) -> Iterator[Verdict]:
    """Yields the verdicts; a profile is superseded where its topic has a later record of its key.

    Such a topic is compacted, and keeps the last record of a key alone: an old one, sent again, would delete the newer one.
    """
    starts: dict[tuple[str, int], int] = {}
    for one in verdicts:
        if one.is_profile:
            of = one.letter.rejected
            starts[of.topic, of.partition] = min(of.offset, starts.get((of.topic, of.partition), of.offset))
    newest = _newest(connection, starts) if starts else {}
    for one in verdicts:
        of, key = one.letter.rejected, one.record.key if one.record else None
        is_old = one.is_profile and key is not None and newest.get((of.topic, bytes(key)), of.offset) > of.offset
        yield one._replace(outcome="superseded") if is_old else one


def _newest(connection: KafkaConnection, starts: Mapping[tuple[str, int], int]) -> dict[tuple[str, bytes], int]:
    """Returns the offset of the last record of each key, from some places on."""
    consumer = consumer_of(connection, GROUP)
    try:
        places = []
        for (topic, partition), offset in starts.items():
            first, end = bounds(consumer, topic, partition)
            if max(first, offset) < end:
                places.append(TopicPartition(topic, partition, max(first, offset)))
        consumer.assign(places)
        found = {}
        for message in until_the_ends(consumer, len(places)):
            key = message.key()
            if isinstance(key, bytes):
                found[str(message.topic()), key] = int(message.offset() or 0)
        return found
    finally:
        consumer.close()
