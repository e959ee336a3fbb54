"""A stub of Ilum's REST API. Ilum itself cannot be had here: its images and charts are in no package registry.

It enforces what Ilum publishes (api/ilum-1.5.3.yaml of ilum-cloud/doc) and is stricter wherever that leaves room: names and kinds
of the fields of `jobCreation`, what is required, `;` between arguments and between `key=value` pairs, 402, 404 and 409 with a
message. Not published, and assumed: 401 for a wrong bearer token. What only a real Ilum can tell: whether it takes a `jobClass`
that is a file in the image, and how its current API differs from the published one.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TEXT_FIELDS = {
    *("name", "tags", "language", "clusterName", "jobClass", "jobConfig", "pyRequirements", "packages", "args", "maxRetries"),
    *("executors", "driverCores", "executorCores", "driverMemory", "executorMemory"),
    *("dynamicAllocation", "initialExecutors", "minExecutors", "maxExecutors"),
}
FILE_FIELDS = {"jars", "files", "pyFiles"}
PAIRS = r"[^=;\s]+=[^;]*(;[^=;\s]+=[^;]*)*"
PATTERNS = {
    "language": "SCALA|PYTHON",
    "args": "[^;]+(;[^;]+)*",
    "jobConfig": PAIRS,
    "tags": PAIRS,
    **dict.fromkeys(("maxRetries", "executors", "driverCores", "executorCores"), "[0-9]+"),
    **dict.fromkeys(("initialExecutors", "minExecutors", "maxExecutors"), "[0-9]+"),
}
JOB_ID = "20261124-1200-stub1"


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class IlumStub:
    """What the stub knows, and what it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.clusters = {"default"}
        self.token: str | None = None
        self.licensed = True
        self.states: list[dict[str, Any]] = [{"state": "BUSY"}]
        """Answers to the questions for the job's state, the last one for ever."""
        self.fields: dict[str, str] = {}
        self.files: list[tuple[str, str, bytes]] = []
        self.submissions = 0

    def submit(self, content_type: str, body: bytes) -> dict[str, Any]:
        """Returns the answer to `POST /job/submit`."""
        if not self.licensed:
            raise Refused(402, "License expired")
        fields, files = _parts(content_type, body)
        for name in ("name", "clusterName"):
            if not fields.get(name):
                raise Refused(409, f"{name} is required")
        for name, value in fields.items():
            if not re.fullmatch(PATTERNS.get(name, ".*"), value):
                raise Refused(409, f"{name}: {value!r} is wrong")
        if fields["clusterName"] not in self.clusters:
            raise Refused(404, f"Cluster {fields['clusterName']} does not exist")
        self.fields, self.files = fields, files
        self.submissions += 1
        return {"jobId": JOB_ID}

    def state(self, job_id: str) -> dict[str, Any]:
        """Returns the answer to `GET /job/{id}`."""
        if job_id != JOB_ID:
            raise Refused(404, f"Job {job_id} does not exist")
        return {"jobId": JOB_ID, "jobType": "SINGLE", **(self.states.pop(0) if len(self.states) > 1 else self.states[0])}


def _parts(content_type: str, body: bytes) -> tuple[dict[str, str], list[tuple[str, str, bytes]]]:
    if not re.match(r"multipart/form-data; *boundary=", content_type):
        raise Refused(415, f"Content type {content_type!r} is not supported")
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    files: list[tuple[str, str, bytes]] = []
    for part in message.get_payload():
        assert isinstance(part, Message)
        name, file = str(part.get_param("name", header="content-disposition")), part.get_filename()
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if name in FILE_FIELDS and file:
            files.append((name, file, content))
        elif name in TEXT_FIELDS and file is None and name not in fields:
            fields[name] = content.decode()
        else:
            raise Refused(409, f"part {name!r} is unknown, given twice, or of the wrong kind")
    return fields, files


@contextmanager
def ilum_stub() -> Iterator[IlumStub]:
    """Gives a stub that listens on a free port of this machine."""
    stub = IlumStub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(lambda: stub.submit(self.headers["Content-Type"], body) if self.path == "/api/v1/job/submit" else None)

        def do_GET(self) -> None:
            found = re.fullmatch(r"/api/v1/job/([^/]+)", self.path)
            self._answer(lambda: stub.state(found[1]) if found else None)

        def _answer(self, ask: Any) -> None:
            try:
                if stub.token and self.headers["Authorization"] != f"Bearer {stub.token}":
                    raise Refused(401, "Unauthorized")
                answer = ask()
                status = 200
                if answer is None:
                    raise Refused(404, f"No {self.command} {self.path}")
            except Refused as refused:
                status, answer = refused.status, {"message": refused.message}
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
