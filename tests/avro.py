"""Avro values, and a schema registry that answers what it is told to."""

import io
import json
import ssl
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fastavro

from tests.mapped import TOPICS, fields

SMALL = {"type": "record", "name": "Small", "fields": [{"name": "id", "type": "string"}]}


def encoded(schema: dict[str, Any], value: Any, number: int | None = None) -> bytes:
    out = io.BytesIO()
    if number is not None:
        out.write(struct.pack(">bI", 0, number))
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), value)
    return out.getvalue()


class FakeRegistry(ThreadingHTTPServer):
    """A registry with these answers by path; counts what it is asked."""

    daemon_threads = True

    def __init__(self, answers: dict[str, Any], context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.answers = answers
        self.asked: list[str] = []
        self.authorization: set[str | None] = set()
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://localhost:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    server: FakeRegistry

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.authorization.add(self.headers["Authorization"])
        answer = self.server.answers.get(self.path)
        self.send_response(404 if answer is None else answer if isinstance(answer, int) else 200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *args: Any) -> None:
        pass


def schema_answer(schema: Any, **more: Any) -> dict[str, Any]:
    return {"schema": json.dumps(schema), **more}


def settings(url: str, sources: dict[str, str], wait: str = "0s", **more: Any) -> dict[str, Any]:
    return {"registry": {"url": url, "wait": wait, **more}, "transactions": {"format": "avro", "fields": fields(**sources)}}


def sent(*values: bytes) -> list[tuple[str, bytes]]:
    return [(TOPICS.transactions, value) for value in values]
