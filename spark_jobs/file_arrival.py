"""Files of payments, brought to an input topic once each: from there they are records like all others.

A thousand records are one transaction of Kafka, and with them goes the file's *receipt*, to a compacted topic under the file's
place: which file it is and how far it was read. So a crash leaves records and receipt, or neither, and the next run goes on behind
them. A file is known by its place and by what is in it: whichever is known already, it is not sent again. docs/adr/0032.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import PurePosixPath

import structlog
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from configuration import NotWritten, Outgoing, Transactions, require_topics
from contract import LOADED_FROM
from spark_jobs import record_files, sources
from spark_jobs.checkpoint_files import FilesFailure, files_of
from spark_jobs.errors import FilesNotLoaded, UnusableFolder
from spark_jobs.failures import SparkFailure
from spark_jobs.settings import DetectorSettings

AT_ONCE = 1_000
"""Records of one transaction: readers of the topic wait for its end, and a crash reads no more than these again."""
TOLD = 100_000
"""Records between two lines of the log about one file."""
PARQUET = ".parquet"
ENDINGS = (*record_files.READERS, PARQUET)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was brought to Kafka of a file. `line` is that of the last record; `whole` says that there was no further one."""

    sha256: str
    bytes: int
    line: int = 0
    records: int = 0
    whole: bool = False


class _NotLoaded(Exception):
    """A file stays where it is; the text says why."""


def load(session: SparkSession, settings: DetectorSettings, stop_asked: threading.Event) -> list[str]:
    """Brings what is new in `input.files` to Kafka; returns which files were not loaded and why, a text each.

    Where a stop is asked for it ends after the transaction at hand, and the next run goes on from there.

    Raises:
        UnusableFolder: the folder is not there, or cannot be listed.
        MissingTopic: the topic, or that of receipts, does not exist.
        FilesNotLoaded: Kafka does not take what is in the files.
    """
    asked, topic = settings.input.files, settings.input.topic_of_files(settings.topics)
    if asked is None or topic is None:
        return []
    folder = asked.folder.rstrip("/")
    found = _listed(session, folder)
    arrival = _Arrival(session, settings, folder, topic)
    refused = []
    for name, size in found.items():
        if stop_asked.is_set():
            break
        place = f"{folder}/{name}"
        try:
            arrival.bring(name, place, size, stop_asked)
        except _NotLoaded as why:
            log.warning("file not loaded", file=place, because=str(why))
            refused.append(f"{place} {why}")
        except NotWritten as error:
            raise FilesNotLoaded(
                f"Kafka does not take what is in {place}: {error}",
                "What was taken is kept, and the next start goes on behind it. See that this user may write to the topics "
                f"{topic} and {settings.topics.files} with the transactional id {arrival.transactional_id}, and that nobody else "
                "loads files.",
            ) from None
    return refused


def require_all(refused: list[str]) -> None:
    """Tells which files were not loaded, once all others are scored.

    Raises:
        FilesNotLoaded: some were not.
    """
    if refused:
        more = f", and {len(refused) - 3} more" if len(refused) > 3 else ""
        raise FilesNotLoaded(
            f"All other files are scored, and these were not loaded: {'; '.join(refused[:3])}{more}",
            "They are as they were: mend them and save them under new names, or take them out of the folder. "
            "docs/how-to/score-files.md says more.",
        )


def _listed(session: SparkSession, folder: str) -> dict[str, int]:
    """Returns the bytes of each file by its name, in order. Those that begin with a dot or an underscore are not finished yet."""
    try:
        if "://" not in folder:
            os.listdir(folder)  # what cannot be listed would be taken for empty
        sizes = files_of(session, folder).sizes()
    except FilesFailure as error:
        why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        raise UnusableFolder(f"The folder {folder} cannot be listed: {why}", "Check `input.files.folder`.") from error
    names = (name for name in sizes if not any(part.startswith((".", "_")) for part in name.split("/")))
    return {name: sizes[name] for name in sorted(names)}


class _Arrival:
    """Brings one file after the other to a topic."""

    def __init__(self, session: SparkSession, settings: DetectorSettings, folder: str, topic: str) -> None:
        """Shuts out who loads files at the moment, and only then reads what is loaded already."""
        self._session, self._topic = session, topic
        self._files, self._receipts_topic = files_of(session, folder), settings.topics.files
        self._longest = settings.limits.max_bytes + 1
        self._partitions = require_topics(settings.kafka, [topic, self._receipts_topic])[topic]
        self.transactional_id = f"fraud-files-{self._receipts_topic}"
        try:
            self._transactions = Transactions(settings.kafka, self.transactional_id)
        except NotWritten as error:
            raise FilesNotLoaded(
                f"Kafka gives this user no transactions: {error}",
                f"Give it the right to use the transactional id {self.transactional_id}, and to write to {topic} and "
                f"{self._receipts_topic}.",
            ) from None
        rows = sources.read_topics(session, settings.kafka, [self._receipts_topic]).select("offset", "key", "value").collect()
        newest = {bytes(row.key).decode(): row.value for row in sorted(rows)}
        self._receipts = {place: Receipt(**json.loads(value)) for place, value in newest.items() if value is not None}

    def bring(self, name: str, place: str, size: int, stop_asked: threading.Event) -> None:
        """Brings what is not in Kafka yet of one file.

        Raises:
            _NotLoaded, NotWritten: as their texts say.
        """
        known = self._receipts.get(place)
        if known and known.whole:
            if known.bytes != size:
                raise _NotLoaded("has changed since it was loaded")
            return
        if PurePosixPath(name).suffix not in ENDINGS:
            raise _NotLoaded(f"ends in none of {', '.join(ENDINGS)}")
        try:
            with self._files.open(name) as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        except FilesFailure as error:
            raise _NotLoaded(f"cannot be read ({type(error).__name__})") from None
        if known and known.sha256 != sha256:
            raise _NotLoaded(f"has changed while it was loaded: {known.records:,} records, up to line {known.line:,}, are in Kafka")
        alike = (one for one in self._receipts.values() if one.sha256 == sha256)
        receipt = max(alike, key=lambda one: (one.whole, one.line), default=Receipt(sha256, size))
        for some in _batches(self._rest(name, place, receipt)):
            receipt = replace(receipt, line=some[-1][0], records=receipt.records + len(some))
            self._write(place, receipt, some)
            if stop_asked.is_set():
                return
        self._write(place, replace(receipt, whole=True))
        said = "file has the content of one that was loaded before" if receipt.whole else "file loaded"
        log.info(said, file=place, records=receipt.records, topic=self._topic)

    def _rest(self, name: str, place: str, receipt: Receipt) -> record_files.Numbered:
        """Yields what lies behind the receipt's line."""
        line = receipt.line
        if receipt.whole:
            return
        try:
            for line, value in self._values(name, place):
                if line > receipt.line:
                    yield line, value
        except (*record_files.UNREADABLE, *FilesFailure, *SparkFailure) as error:
            # Without the error's own words: they may quote what is in the file.
            form = PurePosixPath(name).suffix[1:]
            raise _NotLoaded(f"cannot be read as {form} behind line {line:,} ({type(error).__name__})") from None

    def _values(self, name: str, place: str) -> record_files.Numbered:
        suffix = PurePosixPath(name).suffix
        if suffix == PARQUET:
            yield from _rows(self._session, place)
            return
        with self._files.open(name) as content:
            yield from record_files.READERS[suffix](content)

    def _write(self, place: str, receipt: Receipt, records: Iterable[tuple[int, bytes]] = ()) -> None:
        """Writes records and receipt in one transaction. A file's records go to one partition, in their order.

        A value that is longer than a record may be is cut behind that: it is a dead letter, and need not fit into a message.
        """
        partition = int(receipt.sha256[:8], 16) % self._partitions
        self._transactions.write(
            [
                *(
                    Outgoing(at, self._topic, None, value[: self._longest], [(LOADED_FROM, at.encode())], partition)
                    for at, value in ((f"{place}:{line}", value) for line, value in records)
                ),
                Outgoing(place, self._receipts_topic, place.encode(), json.dumps(asdict(receipt)).encode()),
            ]
        )
        self._receipts[place] = receipt
        if records and receipt.records % TOLD == 0:
            log.info("loading", file=place, records=receipt.records)


def _rows(session: SparkSession, place: str) -> record_files.Numbered:
    """Yields each row of a Parquet file as JSON, with its number from 1."""
    rows = session.read.parquet(place)
    texts = rows.select(F.to_json(F.struct("*"), {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}).alias("value"))
    for number, row in enumerate(texts.toLocalIterator(), 1):
        yield number, row.value.encode()


def _batches(values: record_files.Numbered) -> Iterator[list[tuple[int, bytes]]]:
    while some := list(islice(values, AT_ONCE)):
        yield some
