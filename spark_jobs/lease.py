"""Who works on a checkpoint: `_lease.json` in it. Two programs on one checkpoint would publish everything twice, and break it.

The holder writes the lease anew every RENEWED. Whoever finds one looks whether it changes: a lease that stays as it is for LASTS
has no holder any more. No clock is compared with another machine's. On one machine it is enough to ask whether the process lives.

Who wrote last holds it (docs/adr/0031): where two begin within the same instant, or a holder stood still for longer than LASTS and
wakes, both may run until the next look, and then one ends.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from spark_jobs.checkpoint_files import Files, FilesFailure
from spark_jobs.errors import CheckpointInUse

NAME = "_lease.json"
RENEWED = timedelta(seconds=5)
LASTS = timedelta(seconds=20)
"""Three renewals may fail, and a garbage collector may pause, before somebody else may take it."""
SETTLES = timedelta(milliseconds=500)
"""Longer than what lies between a reading and the writing behind it: of two who write at once the last one holds."""
LOOKS = timedelta(milliseconds=500)

HELD_HERE: set[str] = set()
"""Tokens of this process: one that could not remove a lease at its end has left it."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a checkpoint. `processes` is the machine's boot and the container: elsewhere a `pid` means nothing."""

    program: str
    host: str
    pid: int
    started: str
    """When the process began, in the system's own ticks."""
    processes: str
    on_kubernetes: bool
    token: str
    since: str
    renewals: int = 0

    @classmethod
    def here(cls, program: str) -> "Holder":
        """Returns this process as a holder."""
        pid = os.getpid()
        return cls(
            program=program,
            host=socket.gethostname(),
            pid=pid,
            started=_started(pid) or "",
            processes=_processes(),
            on_kubernetes="KUBERNETES_SERVICE_HOST" in os.environ,
            token=secrets.token_hex(8),
            since=datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z"),
        )

    def __str__(self) -> str:
        return f"{self.program} on {self.host}, process {self.pid}, since {self.since}"

    def lives(self) -> bool | None:
        """Returns whether the holder's process lives, as far as one can tell from here: None where it may."""
        if self.host != socket.gethostname() or not self.processes:
            return None
        if self.processes == _processes():
            return self.started == _started(self.pid) and (self.pid != os.getpid() or self.token in HELD_HERE)
        # Another container of the same name. Kubernetes starts a pod's container once the one before it is gone.
        return False if self.on_kubernetes and "KUBERNETES_SERVICE_HOST" in os.environ else None


class Lease:
    """A lease that is held, and renewed by a thread of its own until it is released."""

    def __init__(self, files: Files, holder: Holder, checkpoint: str) -> None:
        self._files, self._holder, self._checkpoint = files, holder, checkpoint
        self._ended = threading.Event()
        self._taken_by: Holder | None = None
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Looks whether the lease is still held.

        Raises:
            CheckpointInUse: another program has taken it.
        """
        if self._taken_by is not None:
            raise CheckpointInUse(
                f"The checkpoint {self._checkpoint} has been taken over by another program, {self._taken_by}",
                "This one has ended, so that not both write, and nothing is lost. Run one alone.",
            )

    def release(self) -> None:
        """Ends the lease: whoever comes next need not wait."""
        self._ended.set()
        self._thread.join(LASTS.total_seconds())  # a storage that does not answer holds up no stop

    def _keep(self) -> None:
        fails = False
        while not self._ended.wait(RENEWED.total_seconds()):
            try:
                found = read(self._files)
                if found is not None and found.token != self._holder.token:
                    self._taken_by = found
                    return
                self._holder = replace(self._holder, renewals=self._holder.renewals + 1)
                self._files.write(NAME, _bytes(self._holder))
                fails = False
            except FilesFailure as error:  # where the stream cannot write either, it says so itself
                if not fails:
                    log.warning("the checkpoint's lease cannot be renewed", error=str(error).partition("\n")[0])
                fails = True
        with suppress(*FilesFailure):
            if _is(read(self._files), self._holder):
                self._files.remove(NAME)


@contextmanager
def held(files: Files, checkpoint: str, program: str) -> Iterator[Lease]:
    """Gives the lease of a checkpoint, and releases it at the end.

    A lease whose holder may be dead is watched for LASTS.

    Raises:
        CheckpointInUse: another program has it.
        FilesFailure: the checkpoint cannot be read or written.
    """
    own = Holder.here(program)
    HELD_HERE.add(own.token)
    try:
        _take(files, checkpoint, own)
        lease = Lease(files, own, checkpoint)
        try:
            yield lease
        finally:
            lease.release()
    finally:
        HELD_HERE.discard(own.token)


def read(files: Files) -> Holder | None:
    """Returns who has the checkpoint, or had it when it was killed. What is no lease counts as none."""
    content = files.read(NAME)
    try:
        return None if content is None else Holder(**json.loads(content))
    except (ValueError, TypeError):
        return None


def _take(files: Files, checkpoint: str, own: Holder) -> None:
    if files.create(NAME, _bytes(own)) and files.exclusive:
        return
    found = read(files)
    if not _is(found, own):
        if found is not None:
            _require_gone(files, checkpoint, found)
        files.write(NAME, _bytes(own))
    time.sleep(SETTLES.total_seconds())
    winner = read(files)
    if winner is not None and not _is(winner, own):
        raise _in_use(checkpoint, winner)


def _require_gone(files: Files, checkpoint: str, found: Holder) -> None:
    """Returns once it is certain that a holder is gone; raises CheckpointInUse where it is not."""
    lives = found.lives()
    if lives is None:
        log.info("the checkpoint has a lease, whose holder may be gone", holder=str(found), watched_for_s=LASTS.total_seconds())
        lives = _changes(files, found)
    if lives:
        raise _in_use(checkpoint, found)


def _changes(files: Files, found: Holder) -> bool:
    """Returns whether somebody writes the lease anew within LASTS; one that is removed has no holder."""
    until = time.monotonic() + LASTS.total_seconds()
    while time.monotonic() < until:
        time.sleep(LOOKS.total_seconds())
        now = read(files)
        if now != found:
            return now is not None
    return False


def _in_use(checkpoint: str, holder: Holder) -> CheckpointInUse:
    return CheckpointInUse(
        f"The checkpoint {checkpoint} is in use by another program, {holder}",
        "Stop that one first; if it is the one that is to run, nothing need be done.",
    )


def _is(found: Holder | None, own: Holder) -> bool:
    return found is not None and found.token == own.token


def _bytes(holder: Holder) -> bytes:
    return json.dumps(asdict(holder), indent=1).encode()


def _processes() -> str:
    """Returns what tells one view of processes from another, the machine's boot and the container; empty where nothing does."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    with suppress(OSError):
        return f"{boot.read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    return ""


def _started(pid: int) -> str | None:
    """Returns when a process of this machine began, in the system's ticks; None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state == "Z" else rest[18]
