"""The script of `helm test` that asks the API server about the SparkApplication, against a stand-in for the server."""

import json
import runpy
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from charts.derived import CHART

Script = Callable[..., int]
Serve = Callable[..., tuple[str, list[tuple[str, str | None]]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Returns a function that serves a watch of these states, and gives the address and what was asked."""
    servers: list[HTTPServer] = []

    def start(*states: dict[str, str] | None) -> tuple[str, list[tuple[str, str | None]]]:
        asked: list[tuple[str, str | None]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.path, self.headers["Authorization"]))
                self.send_response(200)
                self.end_headers()
                for state in states:
                    status = {} if state is None else {"status": {"applicationState": state}}
                    self.wfile.write(json.dumps({"type": "MODIFIED", "object": status}).encode() + b"\n")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its name in the base class
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/apis", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    (tmp_path / "token").write_text("t0ken")
    monkeypatch.setattr("ssl.create_default_context", lambda cafile: None)
    found = runpy.run_path(str(CHART / "files" / "application_state.py"))

    def run(address: str) -> int:
        found["main"].__globals__.update(API=address, ACCOUNT=tmp_path)
        return found["main"]("payments", "fraud-detector", "5")

    return run


RUNNING = {"state": "RUNNING"}


def test_it_asks_for_one_application_as_its_account(script: Script, serve: Serve) -> None:
    address, asked = serve(RUNNING)
    assert script(address) == 0
    ((path, authorization),) = asked
    assert path.startswith("/apis/payments/sparkapplications?watch=true&fieldSelector=metadata.name%3Dfraud-detector")
    assert authorization == "Bearer t0ken"


def test_a_start_and_a_restart_are_waited_for(script: Script, serve: Serve) -> None:
    address, _ = serve(None, {"state": ""}, {"state": "PENDING_RERUN"}, {"state": "SUBMITTED"}, RUNNING)
    assert script(address) == 0


def test_a_failure_ends_the_wait_and_is_told(script: Script, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    address, _ = serve({"state": "FAILING", "errorMessage": "driver exited with 1"}, RUNNING)
    assert script(address) == 1
    assert "fraud-detector does not run: FAILING driver exited with 1" in capsys.readouterr().err


def test_an_operator_that_does_nothing_is_told(script: Script, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    address, _ = serve(None)
    assert script(address) == 1
    assert "does the operator serve this namespace?" in capsys.readouterr().err
