"""What stands in a checkpoint, decompressed: Spark's files, and those of RocksDB."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile, is_zipfile

from pyspark.sql import SparkSession


def contents(spark: SparkSession, folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yields every file of a folder as it is and, where it is compressed, what is in it: archives, changelogs, RocksDB's tables."""
    jvm: Any = spark.sparkContext._jvm
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        yield file, file.read_bytes()
        if is_zipfile(file):
            with TemporaryDirectory() as inside, ZipFile(file) as packed:
                packed.extractall(inside)
                yield from contents(spark, Path(inside))
        elif file.suffix == ".changelog":
            stream = jvm.net.jpountz.lz4.LZ4BlockInputStream(jvm.java.io.FileInputStream(str(file)))
            yield file, bytes(stream.readAllBytes())
        elif file.suffix == ".sst":
            yield file, b"".join(_table(jvm, file))


def _table(jvm: Any, file: Path) -> Iterator[bytes]:
    reader = jvm.org.rocksdb.SstFileReader(jvm.org.rocksdb.Options())
    reader.open(str(file))
    rows = reader.newIterator(jvm.org.rocksdb.ReadOptions())
    rows.seekToFirst()
    while rows.isValid():
        yield bytes(rows.key()) + bytes(rows.value())
        rows.next()
    reader.close()
