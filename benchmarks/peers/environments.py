"""An environment a peer, with what its file in requirements/ pins: no part of `make setup`."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
LOCKS = Path(__file__).parent / "requirements"
HOMES = ROOT / ".runtime" / "peers"
NEWEST = (3, 12)
"""Bytewax 0.21.1 is published for no Python after it."""


def python_of(peer: str) -> str:
    """Returns the Python of the peer's environment, which is made where it is missing or has other versions: a minute."""
    assert sys.version_info[:2] <= NEWEST, f"the peers need Python {NEWEST[0]}.{NEWEST[1]} or older"
    lock, home = LOCKS / f"{peer}.txt", HOMES / peer
    python, stamp = home / "bin" / "python", home / ".installed"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)], check=True)
        stamp.write_text(lock.read_text())
    return str(python)


def version_of(python: str, package: str) -> str:
    """Returns the version of a package in the environment of a Python."""
    command = f"from importlib.metadata import version; print(version('{package}'))"
    return subprocess.run([python, "-c", command], capture_output=True, text=True, check=True).stdout.strip()
