"""What an archive tells of a detector: the events that made its history, and where in Kafka the next detector goes on.

A lake of the archiver has what was read of each input record, and where in Kafka that record was. A record of which it has
nothing was not read, or nobody knows what became of it. The first such record of a partition is the place where a detector goes
on, and what the archive has behind it is no part of the history: it is read again.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce

import structlog
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from contract import Rejected
from spark_jobs import places, sources
from spark_jobs.errors import ArchiveBehind, NoHistory, RecordsExpired, UnusableTopic
from spark_jobs.features import RETENTION
from spark_jobs.places import ByTopic, Ends
from spark_jobs.schema import KINDS, schema
from spark_jobs.settings import DetectorSettings
from spark_jobs.transforms.decode import decode
from spark_jobs.transforms.history import READINGS
from spark_jobs.transforms.mapping import PROFILE_KEYS, mapping
from spark_jobs.transforms.stored import PLACED, UNREADABLE, said

DATASETS = {"transaction": "scored", "label": "labels", "customer": "customers", "merchant": "merchants"}
"""Where the records of a kind are, with their places."""
FORGOTTEN = ("transaction", "label")
"""Kinds of which a history keeps those of a bounded time."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_PLACE = ("topic", "partition", "offset")
_AS_IT_CAME = {
    **{"key": T.BinaryType(), "value": T.BinaryType(), "topic": T.StringType(), "partition": T.IntegerType()},
    **{"offset": T.LongType(), "timestamp": T.TimestampType()},
}
"""What is read of the records that no dataset has typed."""

log = structlog.get_logger()


class Archive:
    """A lake of the archiver, of a detector with these settings."""

    def __init__(self, session: SparkSession, settings: DetectorSettings, lake: str) -> None:
        self._session, self._settings, self._lake = session, settings, lake

    def end(self) -> ByTopic:
        """Returns where a detector goes on behind the archive, in every partition of the input topics.

        That is the first record that the archive does not have, behind the first that it has; where it has none, the first that
        Kafka has. Kafka is read from there on, once.

        Raises:
            NoHistory: there is no archive, or it does not say where its records came from.
            UnusableTopic: Kafka has other topics than those of which it is.
            RecordsExpired: Kafka has deleted what comes behind it, and `on_lost_records` is stop.
            ArchiveBehind: the detector has published results that it does not have.
            BrokerUnreachable: no broker answers within ten seconds.
        """
        settings, had = self._settings, self._had()
        reach = had.groupBy("topic", "partition").agg(F.min("offset").alias("first"), (F.max("offset") + 1).alias("end")).collect()
        if not reach:
            raise NoHistory(
                f"{self._lake} has no records of {', '.join(settings.input_topics)}, or does not say where in Kafka they were",
                "Name the `path` of a sink of type parquet or delta, which this version of the archiver has copied to.",
            )
        there = places.ends(settings.kafka, settings.input_topics, committed=True)
        self._require_next(_by_topic(reach, "end"), there)
        firsts = {(row.topic, row.partition): row.first for row in reach}
        begin = _nested({one: max(first, firsts.get(one, 0)) for one, (first, _) in there.items()})
        found = _nested({one: end for one, (_, end) in there.items()})
        raw = sources.read_between(self._session, settings.kafka, json.dumps(begin), json.dumps(found))
        inputs = sources.inputs_of(settings.input, settings.topics)
        events = decode(mapping(raw, inputs, settings.limits.max_bytes), settings.limits)
        waiting = _without(_placed(events), _behind(had, begin, "left_semi")).persist()
        try:
            self._require_all(waiting)
            missing = waiting.groupBy("topic", "partition").agg(F.min("offset").alias("first")).collect()
        finally:
            waiting.unpersist()
        for topic, of_one in _by_topic(missing, "first").items():
            found[topic] |= of_one
        for row in _behind(had, found, "left_semi").groupBy("topic", "partition").agg(F.count("*").alias("records")).collect():
            place = found[row.topic][str(row.partition)]
            log.warning("the archive lacks a record; what it has behind it is read again", place=place, **row.asDict())
        return found

    def events(self, end: ByTopic) -> DataFrame:
        """Returns the events before `end` of which a history is made, as `transforms.history.pages` asks for them.

        Payments and labels of the time that a detector remembers, back from the newest payment; profiles, and that they are
        deleted, of all times. A record that does not say where it was came before all that do: it is there, at its own time.
        """
        scored = self._read(DATASETS["transaction"], {"event_time": T.TimestampType()})
        first, last = scored.selectExpr(*(f"unix_micros({one}(event_time))" for one in ("min", "max"))).collect()[0]
        since = (last or 0) - RETENTION // MICROSECOND
        log.info("history of the archive", since=_instant(max(first or 0, since)), newest=_instant(last or 0))
        found = [*(self._of_kind(kind, since) for kind in KINDS), self._deletions()]
        return _behind(reduce(DataFrame.unionByName, found), end, "left_anti", "origin.")

    def _read(self, name: str, columns: Mapping[str, T.DataType]) -> DataFrame:
        form = T.StructType([T.StructField(column, of) for column, of in columns.items()])
        return sources.read_dataset(self._session, f"{self._lake}/{name}", form, self._settings.s3)

    def _of_kind(self, kind: str, since: int) -> DataFrame:
        rows = self._read(DATASETS[kind], {**{one.name: one.dataType for one in schema(KINDS[kind])}, **PLACED})
        if kind in FORGOTTEN:
            rows = rows.where(f"event_time > timestamp_micros({since})")
        came = F.coalesce("ingest_time", READINGS[kind].known)
        return _events(rows, F.lit(kind), came, F.lit(None), {kind: F.struct(*schema(KINDS[kind]).names)})

    def _deletions(self) -> DataFrame:
        """Returns that profiles are deleted: of a topic of profiles, what has a key and no value."""
        profiles = [(kind, one.topic) for kind in PROFILE_KEYS for one in self._settings.inputs[kind]]
        kind = F.coalesce(*(F.when(F.col("topic") == F.lit(topic), F.lit(kind)) for kind, topic in profiles))
        rows = self._read(UNREADABLE, _AS_IT_CAME).where(kind.isNotNull() & F.col("key").isNotNull() & F.col("value").isNull())
        placed = rows.withColumn("origin", F.struct(*_PLACE, F.lit(-1).alias("element")))
        return _events(placed, kind, F.col("timestamp"), F.col("key"), {})

    def _had(self) -> DataFrame:
        """Returns the places of all input records of which there is something; `element` is null where it is a whole record."""
        of_letter = {one.name: one.dataType for one in schema(Rejected) if one.name in _PLACE}
        whole = (
            self._read(name, columns).select(
                "topic", F.col("partition").cast("int"), "offset", F.lit(None).cast("int").alias("element")
            )
            for name, columns in (("rejected", of_letter), (UNREADABLE, _AS_IT_CAME))
        )
        placed = (self._read(name, PLACED).select("origin.*") for name in DATASETS.values())
        return reduce(DataFrame.unionByName, [*placed, *whole]).where(F.col("topic").isin(*self._settings.input_topics))

    def _require_next(self, end: ByTopic, there: Ends) -> None:
        """Looks whether Kafka has what comes behind the archive."""
        _, told, _ = places.possible(end, there, [])
        behind = [
            f"topic {topic}, partition {number}"
            for topic, of_one in end.items()
            for number, place in of_one.items()
            if place > there.get((topic, int(number)), (0, -1))[1]
        ]
        if behind:
            raise UnusableTopic(
                f"{self._lake} has records behind all that Kafka has: of {'; '.join(behind)}",
                "Check kafka.bootstrap_servers, and `--from`. Where the topic was made anew, this archive is of the old one: name "
                "the one that the archiver has begun since.",
            )
        if told and self._settings.on_lost_records == "stop":
            raise RecordsExpired(
                f"Kafka no longer has records that come behind those of {self._lake}: {'; '.join(told)}",
                "If the archiver was behind, let it copy what Kafka still has, and migrate again. Else start with "
                "--on_lost_records skip: the new checkpoint goes on behind them, and they are never scored.",
            )
        if told:
            log.warning("records are lost: Kafka had deleted them", records="; ".join(told))

    def _require_all(self, waiting: DataFrame) -> None:
        """Looks whether Kafka has results of records that wait: they would be published again."""
        settings = self._settings
        # A result is written after its record has come. So what is not copied yet is younger than what is; but clocks differ.
        came = self._read(DATASETS["transaction"], {"ingest_time": T.TimestampType()}).where(
            F.col("ingest_time") <= F.lit(datetime.now(UTC))
        )
        newest = came.selectExpr("unix_micros(max(ingest_time))").collect()[0][0] or 0
        since = max(EPOCH, EPOCH + newest * MICROSECOND - settings.limits.max_future)
        outputs = [settings.topics.scored, settings.topics.rejected]
        there = places.ends(settings.kafka, outputs)
        asked: ByTopic = json.loads(sources.offsets_at(settings.kafka, outputs, (), since))
        stop = _nested({one: end for one, (_, end) in there.items()})
        begin = {
            topic: {number: stop[topic][number] if at == sources.END else at for number, at in of_one.items()}
            for topic, of_one in asked.items()
        }
        raw = sources.read_between(self._session, settings.kafka, json.dumps(begin), json.dumps(stop))
        written = waiting.join(said(raw, settings.topics).select("input.*"), [*_PLACE, "element"], "left_semi")
        lacking = written.groupBy("topic", "partition").agg(F.count("*").alias("records"), F.min("offset").alias("first")).collect()
        if lacking:
            told = (
                f"{one.records:,} of topic {one.topic}, partition {one.partition}, from offset {one.first} on" for one in lacking
            )
            raise ArchiveBehind(
                f"{self._lake} lacks records whose results the detector has published: {'; '.join(sorted(told))}",
                "A new detector would publish them a second time. Stop the old one, let the archiver copy all there is "
                "(`fraud archive --trigger.mode availableNow` with its settings), and migrate again.",
            )


def _events(rows: DataFrame, kind: Column, came: Column, deleted: Column, known: Mapping[str, Column]) -> DataFrame:
    structs = {name: known.get(name, F.lit(None)).cast(schema(record)) for name, record in KINDS.items()}
    told = {"kind": kind, "ingest_time": came, "deleted": deleted.cast("string"), **structs}
    return rows.select("origin", *(column.alias(name) for name, column in told.items()))


def _placed(events: DataFrame) -> DataFrame:
    return events.select(*(f"origin.{name}" for name in _PLACE), F.coalesce("origin.element", F.lit(-1)).alias("element"))


def _without(records: DataFrame, had: DataFrame) -> DataFrame:
    """Returns the records of which nothing is in `had`."""
    ours, theirs = records.alias("ours"), had.alias("theirs")
    same = [F.col(f"ours.{name}") == F.col(f"theirs.{name}") for name in _PLACE]
    element = F.col("theirs.element").isNull() | (F.col("ours.element") == F.col("theirs.element"))
    return ours.join(theirs, [*same, element], "left_anti")


def _behind(rows: DataFrame, place: ByTopic, how: str, prefix: str = "") -> DataFrame:
    """Returns the rows at the places and behind them (left_semi), or all others (left_anti)."""
    listed = [(topic, int(number), at) for topic, of_one in place.items() for number, at in of_one.items()]
    known = F.broadcast(rows.sparkSession.createDataFrame(listed, "_topic string, _partition int, _place long"))
    same = (F.col(f"{prefix}topic") == F.col("_topic")) & (F.col(f"{prefix}partition") == F.col("_partition"))
    return rows.join(known, same & (F.col(f"{prefix}offset") >= F.col("_place")), how)


def _by_topic(rows: Iterable[Row], name: str) -> ByTopic:
    return _nested({(row.topic, row.partition): row[name] for row in rows})


def _nested(places: Mapping[tuple[str, int], int]) -> ByTopic:
    found: ByTopic = {}
    for (topic, number), place in places.items():
        found.setdefault(topic, {})[str(number)] = place
    return found


def _instant(micros: int) -> str:
    return f"{EPOCH + micros * MICROSECOND:%Y-%m-%dT%H:%M:%SZ}"
