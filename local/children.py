"""The programs of the demo, each with a log of its own."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psutil

from local.errors import DemoFailed

STOP_TIMEOUT_S = 40.0


class Child:
    """A program of the demo; its output goes to a log."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._name, self._process, self._log = name, process, log

    def done(self) -> bool:
        """Returns whether the program has done its work; raises DemoFailed where it could not."""
        if self._process.poll() == 0:
            return True
        self.check()
        return False

    def check(self) -> None:
        """Raises DemoFailed where the program has ended by itself."""
        code = self._process.poll()
        if code is not None:
            lines = [line for line in self._log.read_text(errors="replace").splitlines() if line.startswith("error: ")]
            said = lines[-1].removeprefix("error: ") if lines else f"exit code {code}."
            raise DemoFailed(f"The {self._name} ended: {said}", f"Its log is {self._log}.")


def running(name: str, folder: Path, module: str, *arguments: str) -> AbstractContextManager[Child]:
    """Starts `python -m module` with its output in a log of the folder, and stops it on leaving."""
    return started(name, folder, [sys.executable, "-m", module, *arguments])


@contextmanager
def started(name: str, folder: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Child]:
    """Starts a program with its output in a log of the folder; on leaving stops it and whatever it has started."""
    log = folder / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C is for the demo, which stops them in order
        )
    try:
        yield Child(name, process, log)
    finally:
        left = _below(process.pid)
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.terminate()
        for one in psutil.wait_procs(left, STOP_TIMEOUT_S)[1]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
