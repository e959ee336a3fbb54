"""`fraud doctor`: is this machine able to run the demo, and if not, what is to be done."""

import hashlib
import platform
import shutil
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psutil

from configuration import FraudDetectionError, find_java
from local import broker as broker_room
from local import s3 as s3_room
from local.process import HOST
from local.state import broker, home

HERE = Path(__file__).parent
SPARK_JOBS = HERE.parent / "spark_jobs"
GIB = 1024**3
FREE_DISK, MEMORY = 2 * GIB, 4 * GIB


class Check(NamedTuple):
    """One line of the doctor's answer."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def examine() -> list[Check]:
    """Returns all checks, passed or not."""
    spark = find_spec("pyspark")
    spark_jars = Path(spark.origin).parent / "jars" if spark and spark.origin else Path()
    return [
        _python(),
        _java(),
        _maven(),
        _pyspark(),
        _jars("Kafka's jars", HERE / "kafka", broker_room.JARS),
        _jars("S3 server's jars", HERE / "s3", s3_room.JARS),
        _jars("Spark's Kafka connector", SPARK_JOBS / "connector", spark_jars),
        _jars("Spark's S3 client", SPARK_JOBS / "s3", spark_jars),
        _broker(),
        _disk(),
        _memory(),
    ]


def _python() -> Check:
    return Check("Python", sys.version_info >= (3, 11), platform.python_version(), "Python 3.11 or newer is needed.")


def _java() -> Check:
    try:
        return Check("Java", True, find_java())
    except FraudDetectionError as error:
        return Check("Java", False, error.what, error.advice)


def _maven() -> Check:
    found = shutil.which("mvn")
    return Check("Maven", found is not None, found or "not found", "Run `make setup`, or install maven.")


def _pyspark() -> Check:
    try:
        return Check("PySpark", True, version("pyspark"))
    except PackageNotFoundError:
        return Check("PySpark", False, "not installed", "Run `make setup`.")


def _jars(name: str, pinned: Path, folder: Path) -> Check:
    wanted = [line.split() for line in (pinned / "jars.sha256").read_text().splitlines()]
    wrong = [jar for digest, jar in wanted if _digest(folder / jar) != digest]
    found = f"{len(wanted) - len(wrong)} of {len(wanted)} as pinned"
    return Check(name, not wrong, found, "Run `make setup`; if that does not help, remove .runtime first.")


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _broker() -> Check:
    one = broker()
    if not one.running:
        return Check("Broker", True, "not running (`fraud up` starts it)")
    host, _, port = one.address.partition(":")
    with socket.socket() as probe:
        probe.settimeout(2)
        answers = probe.connect_ex((host or HOST, int(port))) == 0
    return Check(
        "Broker", answers, f"{one.address}, {'answers' if answers else 'does not answer'}", "`fraud down`, then `fraud up`."
    )


def _disk() -> Check:
    place = next(folder for folder in (home(), *home().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    return Check("Disk", free >= FREE_DISK, f"{free / GIB:.1f} GiB free", f"{FREE_DISK / GIB:.0f} GiB are needed.")


def _memory() -> Check:
    free = psutil.virtual_memory().available
    return Check("Memory", free >= MEMORY, f"{free / GIB:.1f} GiB available", f"{MEMORY / GIB:.0f} GiB are needed.")
