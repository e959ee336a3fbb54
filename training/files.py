"""Small files in a folder or in S3, read whole, and written so that nobody reads a half: what the model store stands on."""

import secrets
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as NoProfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

from pyarrow import fs
from pyarrow.lib import ArrowException

from configuration import FraudDetectionError
from spark_jobs.settings import S3, on_s3

PART = ".fraud-part."
"""Begins the name of what is being written."""
LOCK = ".fraud-lock"
LEFTOVER = timedelta(days=1)
"""Writing takes seconds; what has been at it for a day was killed."""


class UnusableStore(FraudDetectionError):
    """The store cannot be read or written, or a pointer in it is none."""


class FolderExists(UnusableStore):
    """Somebody else has written the folder meanwhile."""


class Files:
    """Files below a folder or s3a://bucket/prefix, named from there. All methods raise UnusableStore where it cannot be reached.

    It is the process that may be killed at any moment, not the machine: nothing is synced to the disk.
    """

    def __init__(self, place: str, s3: S3) -> None:
        self.place = place
        self._in_s3 = bool(on_s3(place))
        with self._reached():
            self._system = file_system(place, s3)

    def folders(self) -> list[str]:
        """Returns the names of all folders; none where the place itself is not there yet."""
        return [one.base_name for one in self._inside() if one.type == fs.FileType.Directory]

    def names(self, folder: str) -> list[str]:
        """Returns the names of the files in a folder, in order; none where it is not there."""
        return sorted(one.base_name for one in self._inside(folder) if one.is_file)

    def read(self, name: str) -> bytes | None:
        """Returns the content of a file, if it is there."""
        with self._reached():
            try:
                with self._system.open_input_stream(name, compression=None) as found:
                    return bytes(found.read())
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, over an older one, in one step."""
        with self._reached():
            written = self._begun(name)
            self._store(written, content)
            self._finish(written, name)

    def write_folder(self, name: str, files: Mapping[str, bytes]) -> None:
        """Writes a new folder: of a file system in one step, in S3 file by file, so that the last one says that it is whole.

        Raises:
            FolderExists: on a file system it is there; nothing of it has changed.
        """
        with self._reached():
            written = self._begun(name)
            for file, content in files.items():
                self._store(f"{written}/{file}", content)
            try:
                self._finish(written, name)
            except OSError:
                if self._system.get_file_info(name).type != fs.FileType.Directory:
                    raise
                self._system.delete_dir(written)
                raise FolderExists(f"{self.place}/{name} is there already", "Somebody else has written it meanwhile.") from None

    def remove(self, name: str) -> None:
        """Removes a file."""
        with self._reached():
            self._system.delete_file(name)

    def sweep(self) -> None:
        """Removes what others have left half-written, long ago."""
        for one in self._inside():
            if one.base_name.startswith(PART) and one.mtime < datetime.now(UTC) - LEFTOVER:
                with self._reached():
                    (self._system.delete_dir if one.type == fs.FileType.Directory else self._system.delete_file)(one.path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lets one program at a time do what is inside, those of a folder. In S3 nothing can: there the last one counts."""
        if self._in_s3:
            yield
            return
        with self._reached():
            Path(self.place).mkdir(parents=True, exist_ok=True)
            lock = (Path(self.place) / LOCK).open("w")
        with lock:
            flock(lock, LOCK_EX)  # what is closed, or killed, lets go
            yield

    def _inside(self, folder: str = "") -> list[fs.FileInfo]:
        with self._reached():
            return list(self._system.get_file_info(fs.FileSelector(folder, allow_not_found=True)))

    def _begun(self, name: str) -> str:
        return name if self._in_s3 else f"{PART}{name.replace('/', '.')}.{secrets.token_hex(4)}"

    def _store(self, name: str, content: bytes) -> None:
        folder, _, _ = name.rpartition("/")
        if folder and not self._in_s3:
            self._system.create_dir(folder)
        with self._system.open_output_stream(name, compression=None) as out:
            out.write(content)

    def _finish(self, written: str, name: str) -> None:
        if self._in_s3:
            return
        if folder := name.rpartition("/")[0]:
            self._system.create_dir(folder)
        self._system.move(written, name)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ArrowException) as error:
            raise UnusableStore(
                f"{self.place} cannot be used: {str(error).splitlines()[0]}",
                "Check the place; on S3 the bucket's name and the settings under `s3` too.",
            ) from None


def file_system(place: str, s3: S3) -> fs.FileSystem:
    """Returns a folder or s3a://bucket/prefix as Arrow reaches it; paths are relative to it.

    Raises:
        UnusableStore: the file with keys cannot be read.
        OSError, ArrowException: it cannot be reached.
    """
    if on_s3(place):
        return fs.SubTreeFileSystem(place.removeprefix("s3a://").rstrip("/"), _s3_client(s3))
    return fs.SubTreeFileSystem(str(Path(place).absolute()), fs.LocalFileSystem())


def _s3_client(s3: S3) -> fs.S3FileSystem:
    keys = _keys(s3.credentials_dir / "credentials") if s3.credentials_dir else {}
    scheme, _, address = (s3.endpoint or "https://").partition("://")
    return fs.S3FileSystem(
        **keys,
        scheme=scheme,
        endpoint_override=address.rstrip("/") or None,
        region=s3.region,
        force_virtual_addressing=bool(address) and not s3.path_style,
        allow_delayed_open=True,  # a small file is one request, and no upload is begun that a kill leaves behind
    )


def _keys(file: Path) -> dict[str, Any]:
    """Returns the keys of the profile [default] of AWS's own file. What is wrong with it is not repeated: it holds secrets."""
    profiles = ConfigParser(interpolation=None)
    try:
        profiles.read_string(file.read_text())
        profile = profiles["default"]
        keys = {"access_key": profile["aws_access_key_id"], "secret_key": profile["aws_secret_access_key"]}
    except (OSError, UnicodeDecodeError, NoProfile, KeyError):
        raise UnusableStore(
            f"{file} cannot be read, or has no pair of keys under [default]", "Check `s3.credentials_dir`: docs/how-to/s3.md."
        ) from None
    return {**keys, "session_token": profile.get("aws_session_token")}
