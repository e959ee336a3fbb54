"""Two programs on one checkpoint: the second is refused by name, and one that was killed keeps nobody waiting for long."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from structlog.testing import capture_logs

from spark_jobs import lease
from spark_jobs.checkpoint_files import Folder
from spark_jobs.errors import CheckpointInUse
from spark_jobs.lease import Holder, held

ROOT = Path(__file__).parent.parent.parent
ELSEWHERE = replace(Holder.here("detect_fraud"), host="another-host", pid=7)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, milliseconds in (("RENEWED", 50), ("LASTS", 1_000), ("SETTLES", 50), ("LOOKS", 20)):
        monkeypatch.setattr(lease, name, timedelta(milliseconds=milliseconds))


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "checkpoint")


def write(place: Folder, holder: Holder) -> None:
    place.write(lease.NAME, json.dumps(asdict(holder)).encode())


@contextmanager
def renewed(place: Folder, holder: Holder) -> Iterator[None]:
    """Somebody elsewhere who is alive."""
    ended = threading.Event()

    def renew() -> None:
        number = 0
        while not ended.wait(0.05):
            number += 1
            write(place, replace(holder, renewals=number))

    write(place, holder)
    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_second_is_refused_by_name_until_the_first_has_ended(place: Folder) -> None:
    with held(place, "C", "detect_fraud") as first:
        with pytest.raises(
            CheckpointInUse, match=r"The checkpoint C is in use by another program, detect_fraud on .*, process \d+, since"
        ):
            held(place, "C", "archive_scored").__enter__()
        first.look()
        before = lease.read(place)
        until(lambda: lease.read(place) != before)  # the first one goes on
    assert place.sizes() == {}, "a clean stop leaves nothing"
    with held(place, "C", "detect_fraud"):
        pass


def test_one_that_was_killed_on_this_machine_is_not_waited_for(
    place: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LASTS", timedelta(days=1))
    program = (
        "import sys, time; from pathlib import Path\n"
        "from spark_jobs.checkpoint_files import Folder\n"
        "from spark_jobs.lease import held\n"
        "with held(Folder(Path(sys.argv[1])), 'C', 'detect_fraud'):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(1_000)\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "checkpoint")]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        other.send_signal(signal.SIGSTOP)  # it stands still: it may go on at any time
        with pytest.raises(CheckpointInUse, match=f"process {other.pid}"):
            held(place, "C", "detect_fraud").__enter__()
        other.kill()
    with held(place, "C", "detect_fraud"):
        pass


def test_one_elsewhere_is_believed_dead_once_it_renews_no_more(place: Folder) -> None:
    with renewed(place, ELSEWHERE), pytest.raises(CheckpointInUse, match="on another-host, process 7"):
        held(place, "C", "detect_fraud").__enter__()
    began = time.monotonic()
    with held(place, "C", "detect_fraud") as now:
        assert time.monotonic() - began >= 1, "it is given the time of four renewals"
        now.look()


def test_one_elsewhere_that_ends_well_meanwhile_is_waited_for_no_longer(place: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LASTS", timedelta(days=1))
    write(place, ELSEWHERE)
    threading.Timer(0.2, lambda: place.remove(lease.NAME)).start()
    with held(place, "C", "detect_fraud"):
        pass


def test_a_pod_that_starts_again_takes_what_its_last_container_left(place: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LASTS", timedelta(days=1))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    write(place, replace(Holder.here("detect_fraud"), processes="another container"))
    with held(place, "C", "detect_fraud"):
        pass


def test_who_finds_the_lease_taken_ends(place: Folder) -> None:
    with held(place, "C", "detect_fraud") as first, renewed(place, ELSEWHERE):
        until(lambda: not first._thread.is_alive())
        with pytest.raises(CheckpointInUse, match="C has been taken over by another program, detect_fraud on another-host"):
            first.look()
    assert lease.read(place) is not None, "what is another's is left to it"


@pytest.mark.parametrize("links", [True, False])
def test_of_many_that_begin_at_once_one_holds(place: Folder, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        monkeypatch.setattr(os, "link", Mock(side_effect=OSError(errno.EPERM, "no links here")))
    begin, done = threading.Barrier(8), threading.Event()

    def attempt(_: int) -> bool:
        begin.wait()
        try:
            with held(place, "C", "detect_fraud"):
                done.wait(20)
                return True
        except CheckpointInUse:
            return False

    with ThreadPoolExecutor(8) as pool:
        results = pool.map(attempt, range(8))
        threading.Timer(1, done.set).start()
        assert sum(results) == 1


def test_a_storage_that_fails_for_a_while_ends_nothing(place: Folder, tmp_path: Path) -> None:
    with capture_logs() as told, held(place, "C", "detect_fraud") as one:
        (tmp_path / "checkpoint").rename(tmp_path / "away")
        (tmp_path / "checkpoint").write_text("a file, in which no file can be written")
        until(lambda: "the checkpoint's lease cannot be renewed" in str(told))
        (tmp_path / "checkpoint").unlink()
        (tmp_path / "away").rename(tmp_path / "checkpoint")
        before = lease.read(place)
        until(lambda: lease.read(place) != before)
        one.look()


def test_what_an_earlier_run_in_this_process_has_left_keeps_nobody_out(place: Folder) -> None:
    write(place, Holder.here("detect_fraud"))
    with held(place, "C", "detect_fraud") as one:
        one.look()


def test_what_is_no_lease_keeps_nobody_out(place: Folder) -> None:
    place.write(lease.NAME, b"")
    with held(place, "C", "detect_fraud") as one:
        one.look()
