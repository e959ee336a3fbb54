"""The files of a checkpoint, or of another folder, by their names: without Spark's help, in S3 by Hadoop's client inside Spark."""

import errno
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.sql import SparkSession

FilesFailure = (OSError, Py4JError)
"""What is raised where files cannot be read or written."""


NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What a file system says that has no links, such as one over SMB: a file is made there and then filled."""


AT_ONCE = 1 << 20
"""Bytes that are asked of Java at a time: each is a call between two processes."""


class Files(Protocol):
    """Files below a folder or URL, named from there. All methods raise one of `FilesFailure`."""

    exclusive: bool
    """Whether of two who create the same file one alone is told True."""

    def read(self, name: str) -> bytes | None:
        """Returns the content of a file, if it is there."""

    def open(self, name: str) -> io.BufferedReader:
        """Returns a file's bytes as a stream, for files that are too large to be held at once."""

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file where none is, in one step; returns whether it did."""

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, over an older one, in one step."""

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Returns the bytes of each file in the folder and below it, by name; none where there is no such folder."""


class Folder:
    """A folder of this machine."""

    exclusive = True

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes | None:
        """See Files."""
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def open(self, name: str) -> io.BufferedReader:
        """See Files."""
        return (self._root / name).open("rb")

    def create(self, name: str, content: bytes) -> bool:
        """See Files; makes the folder where it is missing."""
        with self._written(name, content) as (part, file):
            try:
                try:
                    os.link(part, file)
                except OSError as error:
                    if error.errno not in NO_LINKS:
                        raise
                    with file.open("xb") as out:
                        out.write(content)
            except FileExistsError:
                return False
        return True

    def write(self, name: str, content: bytes) -> None:
        """See Files; makes the folder where it is missing. Hadoop's checksum of the older one goes."""
        with self._written(name, content) as (part, file):
            _checksum(file).unlink(missing_ok=True)
            part.replace(file)

    def remove(self, name: str) -> None:
        """See Files; Hadoop's checksum of it goes too."""
        for one in (self._root / name, _checksum(self._root / name)):
            one.unlink(missing_ok=True)

    def sizes(self, folder: str = "") -> dict[str, int]:
        """See Files."""
        found = {}
        for where, _, files in os.walk(self._root / folder):
            for name in files:
                file = Path(where, name)
                with suppress(FileNotFoundError):  # a detector at work removes old ones
                    found[file.relative_to(self._root).as_posix()] = file.stat().st_size
        return found

    @contextmanager
    def _written(self, name: str, content: bytes) -> Iterator[tuple[Path, Path]]:
        """Gives a whole file of another name, and the file that it is to be; removes the first where it still is."""
        file = self._root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        try:
            part.write_bytes(content)
            yield part, file
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _checksum(file: Path) -> Path:
    return file.with_name(f".{file.name}.crc")


class _JavaStream(io.RawIOBase):
    """What a Java stream gives."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self._source.readNBytes(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()


class HadoopFolder:
    """What Hadoop's client reaches under a URL, s3a:// above all."""

    exclusive = False

    def __init__(self, session: SparkSession, url: str) -> None:
        jvm: Any = session.sparkContext._jvm
        self._jvm = jvm
        self._root = jvm.org.apache.hadoop.fs.Path(url)
        self._files = self._root.getFileSystem(session._jsparkSession.sessionState().newHadoopConf())

    def read(self, name: str) -> bytes | None:
        """See Files."""
        try:
            source = self._files.open(self._path(name))
        except Py4JJavaError as error:
            if self._is(error, "java.io.FileNotFoundException"):
                return None
            raise
        try:
            return bytes(source.readAllBytes())
        finally:
            source.close()

    def open(self, name: str) -> io.BufferedReader:
        """See Files."""
        return io.BufferedReader(_JavaStream(self._files.open(self._path(name))), AT_ONCE)

    def create(self, name: str, content: bytes) -> bool:
        """See Files."""
        try:
            self._write(name, content, over=False)
        except Py4JJavaError as error:
            if self._is(error, "org.apache.hadoop.fs.FileAlreadyExistsException"):
                return False
            raise
        return True

    def write(self, name: str, content: bytes) -> None:
        """See Files: an object is there once it is whole."""
        self._write(name, content, over=True)

    def remove(self, name: str) -> None:
        """See Files."""
        self._files.delete(self._path(name), False)

    def sizes(self, folder: str = "") -> dict[str, int]:
        """See Files."""
        prefix = f"{self._files.makeQualified(self._root)}/"
        try:
            found = self._files.listFiles(self._path(folder) if folder else self._root, True)
        except Py4JJavaError as error:
            if self._is(error, "java.io.FileNotFoundException"):
                return {}
            raise
        sizes = {}
        while found.hasNext():
            one = found.next()
            sizes[str(one.getPath().toString()).removeprefix(prefix)] = int(one.getLen())
        return sizes

    def _write(self, name: str, content: bytes, *, over: bool) -> None:
        out = self._files.create(self._path(name), over)
        try:
            out.write(content)
        finally:
            out.close()

    def _path(self, name: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(self._root, name)

    def _is(self, error: Py4JJavaError, name: str) -> bool:
        return bool(self._jvm.java.lang.Class.forName(name).isInstance(error.java_exception))


def files_of(session: SparkSession, checkpoint: str) -> Files:
    """Returns the files of a checkpoint, in a folder or under a URL."""
    return HadoopFolder(session, checkpoint) if "://" in checkpoint else Folder(Path(checkpoint))
