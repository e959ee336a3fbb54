"""Reading what the archiver has written, with pyarrow and without Spark: as anybody else would."""

from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from pyarrow import fs

from local.s3 import REGION, S3Server


def keys(server: S3Server) -> tuple[str, str]:
    """Returns access key and secret key."""
    profiles = ConfigParser()
    profiles.read(server.credentials_dir / "credentials")
    return profiles["default"]["aws_access_key_id"], profiles["default"]["aws_secret_access_key"]


def client(server: S3Server) -> fs.S3FileSystem:
    access_key, secret_key = keys(server)
    address = server.endpoint.removeprefix("http://")
    return fs.S3FileSystem(access_key=access_key, secret_key=secret_key, endpoint_override=address, scheme="http", region=REGION)


class Archive:
    """The archiver's `path`, in a folder or in S3."""

    def __init__(self, path: str, server: S3Server | None = None) -> None:
        self.path = path
        self._files = client(server) if server else fs.LocalFileSystem()
        self.place = server.home / "data" / path.removeprefix("s3a://") if server else Path(path)
        """Where it is on this machine: the S3 server keeps a bucket in a folder."""

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Returns the rows of a dataset; none where it is not there."""
        folder = f"{self.path.removeprefix('s3a://')}/{name}"
        if self._files.get_file_info(folder).type == fs.FileType.NotFound:
            return []
        return ds.dataset(folder, filesystem=self._files, format="parquet", partitioning="hive").to_table().to_pylist()

    def files(self) -> Iterator[str]:
        """Returns the paths of all files, hidden ones included, relative to PATH."""
        folder = self.path.removeprefix("s3a://")
        for found in self._files.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True)):
            if found.type == fs.FileType.File and not found.base_name.endswith(".crc"):
                yield found.path.removeprefix(f"{folder}/")
