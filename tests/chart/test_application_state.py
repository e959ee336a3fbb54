"""The script of `helm test` that asks the API server about the SparkApplication and its pods, against a stand-in for the server."""

import json
import runpy
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from charts.derived import CHART

Pod = dict[str, Any]
Script = Callable[..., int]
Serve = Callable[..., tuple[str, list[tuple[str, str | None]]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Returns a function that serves a watch of these states, one of these pods, and gives the address and what was asked."""
    servers: list[HTTPServer] = []

    def start(*states: dict[str, str] | None, pods: Sequence[Pod] = ()) -> tuple[str, list[tuple[str, str | None]]]:
        asked: list[tuple[str, str | None]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.path, self.headers["Authorization"]))
                self.send_response(200)
                self.end_headers()
                found = [{} if state is None else {"status": {"applicationState": state}} for state in states]
                for one in pods if "/pods?" in self.path else found:
                    self.wfile.write(json.dumps({"type": one.get("event", "MODIFIED"), "object": one}).encode() + b"\n")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its name in the base class
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}", asked

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


def pod(role: str, ready: bool = True, event: str = "MODIFIED", **status: Any) -> Pod:
    conditions = [{"type": "Ready", "status": str(ready)}, *status.pop("conditions", [])]
    metadata = {"name": f"fraud-detector-{role}", "labels": {"spark-role": role}}
    return {"event": event, "metadata": metadata, "status": {"phase": "Running", "conditions": conditions, **status}}


READY = (pod("driver"), pod("executor"))


def test_it_asks_for_one_application_as_its_account(script: Script, serve: Serve) -> None:
    address, asked = serve(RUNNING, pods=READY)
    assert script(address) == 0
    (application, pods), accounts = zip(*asked, strict=True)
    assert application.startswith(
        "/apis/sparkoperator.k8s.io/v1beta2/namespaces/payments/sparkapplications?watch=true&fieldSelector="
    )
    assert "metadata.name%3Dfraud-detector" in application
    assert pods.startswith(
        "/api/v1/namespaces/payments/pods?watch=true&labelSelector=sparkoperator.k8s.io%2Fapp-name%3Dfraud-detector"
    )
    assert set(accounts) == {"Bearer t0ken"}


def test_a_start_and_a_restart_are_waited_for(script: Script, serve: Serve) -> None:
    address, _ = serve(
        None, {"state": ""}, {"state": "PENDING_RERUN"}, {"state": "SUBMITTED"}, RUNNING, pods=(pod("driver", ready=False), *READY)
    )
    assert script(address) == 0


def test_a_failure_ends_the_wait_and_is_told(script: Script, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    address, _ = serve({"state": "FAILING", "errorMessage": "driver exited with 1"}, RUNNING)
    assert script(address) == 1
    assert "fraud-detector does not run: FAILING driver exited with 1" in capsys.readouterr().err


def test_an_operator_that_does_nothing_is_told(script: Script, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    address, _ = serve(None)
    assert script(address) == 1
    assert "does the operator serve this namespace?" in capsys.readouterr().err


NO_ROOM = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}


@pytest.mark.parametrize(
    ("pods", "says"),
    [
        (
            (pod("driver"), pod("executor", ready=False, phase="Pending", conditions=[NO_ROOM])),
            "not ready: fraud-detector-executor (0/1 nodes are available: 1 Insufficient cpu.)",
        ),
        (
            (pod("driver", ready=False, containerStatuses=[{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]),),
            "not ready: fraud-detector-driver (ImagePullBackOff)",
        ),
        ((pod("driver", ready=False), pod("executor")), "not ready: fraud-detector-driver (Running)"),
        ((pod("driver"),), "there is no executor: the driver's log says why"),
        ((pod("executor"), pod("executor", event="DELETED"), pod("driver")), "there is no executor"),
    ],
    ids=["no room", "no image", "no stream", "no executor", "executor gone"],
)
def test_a_pod_that_waits_is_named_with_its_reason(
    script: Script, serve: Serve, capsys: pytest.CaptureFixture[str], pods: Sequence[Pod], says: str
) -> None:
    address, _ = serve(RUNNING, pods=pods)
    assert script(address) == 1
    assert says in capsys.readouterr().err
