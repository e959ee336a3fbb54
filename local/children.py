"""The programs of the demo, each with a log of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def running(name: str, folder: Path, module: str, *arguments: str) -> Iterator[Child]:
    """Starts `python -m module` with its output in a log of the folder, and stops it on leaving."""
    log = folder / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C is for the demo, which stops them in order
        )
    try:
        yield Child(name, process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
