"""A program that adds and promotes a model, and is killed before each step of writing them in turn."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from spark_jobs.settings import S3
from tests.models import added
from training.files import Files
from training.store import ModelStore

WRITING = {one.__code__ for one in (Files.write, Files.write_folder, Files._begun, Files._store, Files._finish)}


def killed_while_adding(place: str, s3: S3) -> Iterator[None]:
    """Goes on each time that the program has been killed, one line of WRITING later than the last time; ends when it has lived."""
    arguments = [sys.executable, "-m", "tests.killed", place, s3.model_dump_json()]
    root = Path(__file__).parent.parent
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as program:
        assert program.stdin
        assert program.stdout
        while (line := program.stdout.readline()) == "killed\n":
            yield
            program.stdin.write("on\n")
            program.stdin.flush()
    assert line == "lived\n"
    yield


def main(place: str, s3: str) -> None:
    for lines in count():
        child = os.fork()
        if child == 0:
            sys.settrace(killer(lines))
            store = ModelStore(place, S3.model_validate_json(s3))
            store.point("champion", added(store, lines).version, "")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "lived", flush=True)
        if not os.WIFSIGNALED(status):
            return
        sys.stdin.readline()


def killer(lines: int) -> Any:
    """Returns a trace function that kills this process before so many lines of WRITING have run."""
    left = lines

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code not in WRITING:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


if __name__ == "__main__":
    main(*sys.argv[1:])
