"""What a lake has already: one bit for each input record, by its coordinates. So what a detector repeats is dropped.

What a detector writes names in its headers the input record that it came of. After a crash it writes the same again, as other
records of Kafka: they have other offsets, and the same coordinates. The state is kept with the checkpoint:

    CHECKPOINT/seen/0000000017        what batch 17 has changed
    CHECKPOINT/seen/0000000100.all    all, after batch 100: a hundred files become one

Spark commits a batch after its file is written, so a batch that comes again finds the state of the one before. Bits are kept in
pieces of 32,768 neighbours, compressed: all of them seen is twenty bytes, one of each hundred is half a kilobyte.
"""

import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from spark_jobs.checkpoint_files import Files
from spark_jobs.errors import UnusableCheckpoint

PIECE = 32_768
"""Neighbours in one piece: as many bits as Spark's bitmap_construct_agg makes."""
SNAPSHOT_EVERY = 100
ALL = ".all"
NAMES = re.compile(rf"[0-9]+({re.escape(ALL)})?")
_WIDTH = 10

FirstOffsets = Callable[[Iterable[tuple[str, int]]], Mapping[tuple[str, int], int]]
"""Tells the first offset that Kafka still has of each (topic, partition), of those that it knows."""


class Piece(NamedTuple):
    """Where bits belong: a dataset, an input partition, the place in values that are arrays (-1: none), and a piece of offsets."""

    dataset: str
    topic: str
    partition: int
    element: int
    number: int


class Batch(NamedTuple):
    """What one look at a batch has found."""

    rows: Mapping[str, int]
    """How many there are of each dataset, repeats included."""
    bits: Mapping[Piece, int]
    repeated: frozenset[Piece]
    """Pieces with records that are there already, or twice in the batch."""


class Seen:
    """The input records of which a lake has what came of them. One object for one run of a query: batches come in order."""

    def __init__(self, files: Files, first_offsets: FirstOffsets = lambda _: {}) -> None:
        self._files, self._first_offsets = files, first_offsets
        self._pieces: dict[Piece, bytes] = {}
        self._next: int | None = None

    def look(self, records: DataFrame, batch_id: int) -> Batch:
        """Returns what is in a batch of `transforms.stored`.

        Raises:
            UnusableCheckpoint: the state of the batch before is not there.
        """
        if self._next != batch_id:
            self._load(batch_id)
        number = F.expr(f"input.offset div {PIECE}").alias("number")
        of_piece = records.groupBy("dataset", "input.topic", "input.partition", "input.element", number)
        found = of_piece.agg(
            F.bitmap_construct_agg(F.col("input.offset") % PIECE).alias("bits"), F.count("*").alias("rows")
        ).collect()
        rows: dict[str, int] = {}
        for one in found:
            rows[one.dataset] = rows.get(one.dataset, 0) + one.rows
        known = [one for one in found if one.number is not None]
        bits = {_piece(one): int.from_bytes(one.bits, "little") for one in known}
        repeated = (_piece(one) for one in known if self._has(_piece(one), bits[_piece(one)], one.rows))
        return Batch(rows, bits, frozenset(repeated))

    def fresh(self, records: DataFrame, batch: Batch) -> DataFrame:
        """Returns the records of a batch without those that the lake has, of several alike the first in Kafka."""
        if not batch.repeated:
            return records
        pieces = [(*one, self._bits(one).to_bytes(PIECE // 8, "little")) for one in batch.repeated]
        columns = "_dataset string, _topic string, _partition int, _element int, _number long, _bits binary"
        known = F.broadcast(records.sparkSession.createDataFrame(pieces, columns))
        is_piece = F.expr(
            f"""dataset = _dataset AND input.topic = _topic AND input.partition = _partition AND input.element = _element
            AND input.offset div {PIECE} = _number"""
        )
        octet = f"conv(hex(substring(_bits, 1 + CAST(input.offset % {PIECE} AS INT) div 8, 1)), 16, 10)"
        first = "row_number() OVER (PARTITION BY dataset, input ORDER BY source.partition, source.offset) = 1"
        left = records.join(known, is_piece, "left")
        old = left.where("_bits IS NULL").select(records.columns)
        # Only in pieces with repeats is it asked which is the first.
        told = left.where(f"bit_get(CAST({octet} AS INT), CAST(input.offset % 8 AS INT)) = 0").select(records.columns)
        return old.unionAll(told.withColumn("_first", F.expr(first)).where("_first").drop("_first"))

    def keep(self, batch: Batch, batch_id: int) -> None:
        """Remembers a batch, whose records are in the lake by now."""
        for piece, bits in batch.bits.items():
            self._pieces[piece] = zlib.compress((self._bits(piece) | bits).to_bytes(PIECE // 8, "little"))
        is_whole = batch_id % SNAPSHOT_EVERY == 0
        if is_whole:
            self._forget()
        kept = self._pieces if is_whole else {piece: self._pieces[piece] for piece in batch.bits}
        lines = [[*piece, b64encode(bits).decode()] for piece, bits in kept.items()]
        name = f"{batch_id:0{_WIDTH}}{ALL if is_whole else ''}"
        self._files.write(name, zlib.compress(json.dumps(lines).encode()))
        self._sweep(batch_id)
        self._next = batch_id + 1

    def _bits(self, piece: Piece) -> int:
        return int.from_bytes(zlib.decompress(self._pieces[piece]), "little") if piece in self._pieces else 0

    def _has(self, piece: Piece, bits: int, rows: int) -> bool:
        return bits.bit_count() < rows or bool(bits & self._bits(piece))

    def _load(self, batch_id: int) -> None:
        """Reads the state as of the batch before: the last file with all, and those behind it."""
        files = {_number(name): name for name in self._names() if _number(name) < batch_id}
        begin = max((number for number, name in files.items() if name.endswith(ALL)), default=0)
        wanted = range(begin, batch_id)
        if lost := [number for number in wanted if number not in files]:
            raise UnusableCheckpoint(
                f"The checkpoint's folder `seen` lacks what batch {lost[0]} has left there",
                "Restore it. Without it repeats of a detector cannot be told from new records; what the lake has is untouched.",
            )
        self._pieces = {}
        for number in wanted:
            content = self._files.read(files[number]) or b""
            self._pieces |= {Piece(*place): b64decode(bits) for *place, bits in json.loads(zlib.decompress(content))}
        self._next = batch_id

    def _names(self) -> list[str]:
        return [name for name in self._files.sizes() if NAMES.fullmatch(name)]

    def _sweep(self, batch_id: int) -> None:
        """Removes files that one with all has made needless, once Spark has committed its batch: a next one has come."""
        if batch_id % SNAPSHOT_EVERY == 1 and batch_id > 1:
            for name in self._names():
                if _number(name) < batch_id - 1:
                    self._files.remove(name)

    def _forget(self) -> None:
        """Drops what a detector cannot repeat, as Kafka no longer has it."""
        first = self._first_offsets({(piece.topic, piece.partition) for piece in self._pieces})
        gone = [one for one in self._pieces if (one.number + 1) * PIECE <= first.get((one.topic, one.partition), 0)]
        for piece in gone:
            del self._pieces[piece]


def _piece(row: Row) -> Piece:
    return Piece(row.dataset, row.topic, row.partition, row.element, row.number)


def _number(name: str) -> int:
    return int(name.removesuffix(ALL))
