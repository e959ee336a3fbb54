"""A server as a process of its own, kept in a folder: any program may start, find and stop it."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from local.errors import PortTaken, ServerFailed

HOST = "127.0.0.1"
ASK_EVERY_S = 0.1
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 30.0


class Process:
    """One server and its folder: `pid`, `port`, `NAME.log`.

    `mark` is an argument of its command line that no other program has: a pid whose number another program has got since is not
    this server. `quits_by` is the signal that asks it to end without waiting for its clients.
    """

    def __init__(self, name: str, home: Path, mark: str, quits_by: signal.Signals = signal.SIGTERM) -> None:
        self._name, self._home, self._mark, self._quits_by = name, home, mark, quits_by
        self.log = home / f"{name.lower()}.log"
        self._pid, self._port = home / "pid", home / "port"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process of the pid file lives and is this server."""
        return self._find() is not None

    @property
    def port(self) -> int | None:
        """Port of the last start; None before the first."""
        return int(self._port.read_text()) if self._port.exists() else None

    def take_port(self, port: int | None) -> int:
        """Returns the port to listen on and keeps it for the next time: `port`, else the last one, else a free one.

        Raises:
            PortTaken: another program listens there.
        """
        chosen = port or self.port or free_port()
        with socket.socket() as wanted:
            wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                wanted.bind((HOST, chosen))
            except OSError:
                raise PortTaken(f"Port {chosen} is in use", f"Name another for {self._name}: `fraud up --help`.") from None
        self._port.write_text(str(chosen))
        return chosen

    def start(self, command: list[str], ready: Callable[[], bool]) -> None:
        """Returns once the server answers; `ready` asks it.

        Raises:
            ServerFailed: it ended, or gave no answer in time.
        """
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the program in front, which stops the server in its turn
            )
        self._pid.write_text(str(self._child.pid))
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if ready():
                return
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(ASK_EVERY_S)
                self._forget()
                raise self.failed("ended at once", self.log.read_text(errors="replace"))
        self.kill()
        raise self.failed(f"did not answer within {START_TIMEOUT_S:.0f} s")

    def failed(self, what: str, output: str | None = None) -> ServerFailed:
        """Returns the error that says what the server did, with the line of its output that says why."""
        why = "" if output is None else f": {_telling_line(output)}"
        return ServerFailed(f"{self._name} {what}{why}", f"Its log is {self.log}; `fraud down --purge` begins anew.")

    def stop(self) -> None:
        """Stops the server, which writes out what it holds; nothing to do where none runs."""
        process = self._find()
        if process is not None:
            process.send_signal(self._quits_by)
            try:
                process.wait(STOP_TIMEOUT_S)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(STOP_TIMEOUT_S)
        self._forget()

    def kill(self, by: signal.Signals = signal.SIGKILL) -> None:
        """Ends the server as a power cut would."""
        process = self._find()
        if process is not None:
            process.send_signal(by)
            process.wait(STOP_TIMEOUT_S)
        self._forget()

    def _forget(self) -> None:
        if self._child is not None:
            self._child.wait()
            self._child = None
        self._pid.unlink(missing_ok=True)

    def _find(self) -> psutil.Process | None:
        try:
            process = psutil.Process(int(self._pid.read_text()))
            if self._mark in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except (OSError, ValueError, psutil.Error):
            pass
        return None


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _telling_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "Exception" in line or "ERROR" in line]
    return (errors or lines or ["no output"])[-1].strip()[:300]
