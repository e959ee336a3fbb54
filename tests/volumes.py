"""A volume of its own for a test, in memory: it can be full, or not be written."""

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

BUSY_S = 30.0


class Volume:
    """A volume of its own, in memory, at a folder."""

    def __init__(self, folder: Path, size: str) -> None:
        self.folder = folder
        folder.mkdir()
        _as_root("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))

    def remount(self, option: str) -> None:
        """Returns once the volume is so; one that a file is still written to is busy."""
        deadline = time.monotonic() + BUSY_S
        while True:
            try:
                return _as_root("mount", "-o", f"remount,{option}", str(self.folder))
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def fill(self) -> Path:
        """Returns a file that takes all the room that there is."""
        file = self.folder / "filler"
        with suppress(OSError), file.open("wb", buffering=0) as out:
            while True:
                out.write(bytes(4_096))
        return file

    def end(self) -> None:
        """Takes it away, whoever has a file open there."""
        _as_root("umount", "--lazy", str(self.folder))


def _as_root(*command: str) -> None:
    subprocess.run([*([] if os.geteuid() == 0 else ["sudo", "-n"]), *command], check=True, capture_output=True)
