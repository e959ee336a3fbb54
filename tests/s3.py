"""Reading what the archiver has written, with pyarrow and without Spark, as anybody else would; and a server that answers 503."""

import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
    """A lake of the archiver, in a folder or in S3."""

    def __init__(self, path: str, server: S3Server | None = None) -> None:
        self.path = path
        self._files = client(server) if server else fs.LocalFileSystem()
        self.place = server.home / "data" / path.removeprefix("s3a://") if server else Path(path)
        """Where it is on this machine: the S3 server keeps a bucket in a folder."""

    @property
    def sinks(self) -> dict[str, Any]:
        """The archiver's settings that write here, under the name `lake`."""
        return {"sinks": {"lake": {"type": "parquet", "path": self.path}}}

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


class Proxy:
    """An S3 server as clients see it.

    It answers 503 while `away` is set, and from the first path on that `ends_at` matches, and not at all while it is `dead`. Of the
    next answers each waits for so many seconds as `slow` has.
    """

    def __init__(self, server: S3Server) -> None:
        proxy, target = self, server.endpoint.removeprefix("http://")
        self.away, self.dead, self.ends_at = False, False, ""
        self.slow: deque[float] = deque()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.away = proxy.away or bool(proxy.ends_at and re.search(proxy.ends_at, self.path))
                with suppress(IndexError):
                    time.sleep(proxy.slow.popleft())  # what a slow server does; nothing is waited for
                if proxy.dead:
                    self.close_connection = True
                    return
                if proxy.away:
                    self._answer(
                        503, {}, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
                    )
                    return
                behind = HTTPConnection(target)
                behind.request(self.command, self.path, body, dict(self.headers))  # Host too: it is signed
                answer = behind.getresponse()
                self._answer(answer.status, dict(answer.getheaders()), answer.read())
                behind.close()

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_one  # noqa: N815

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header(
                    "Content-Length", headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
                )
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
