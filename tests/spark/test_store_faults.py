"""A store that is full, away or closed is one paragraph of its sink; the other sinks go on, and nothing is half there."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from configuration import FraudDetectionError
from contract import encode
from harness.detector import Archiver
from harness.kafka import send
from local.s3 import S3Server
from spark_jobs.delta_log import opened, storage_options
from spark_jobs.settings import S3
from tests.records import scored, transaction
from tests.s3 import Archive, Proxy, keys
from tests.volumes import Volume

MANY = 300
IMPATIENT = {"attempts.maximum": "1", "retry.limit": "1", "retry.throttle.limit": "1"}


class Lakes:
    """A lake of files and one of Delta tables in the same place, where things go wrong, and a lake beside it."""

    def __init__(
        self, archiver: Archiver, archive_here: Callable[..., Any], place: str, s3: S3Server | None = None, sent: int = 0
    ) -> None:
        self.archiver, self._archive_here, self._sent = archiver, archive_here, sent
        self.lake, self.beside = Archive(f"{place}/lake", s3), Archive(f"{archiver.settings['checkpoint']}-beside")
        self._delta = f"{place}/delta"
        self._options = storage_options(S3.model_validate(s3.settings)) if s3 else None
        paths = {"lake": self.lake.path, "beside": self.beside.path}
        sinks = {name: {"type": "parquet", "path": path, "tasks": 1} for name, path in paths.items()}
        archiver.settings["sinks"] = {**sinks, "delta": {"type": "delta", "path": self._delta, "tasks": 1}}

    def pay(self, count: int) -> None:
        paid = (encode(scored(transaction(transaction_id=f"t{self._sent + one:05}"))) for one in range(count))
        send(self.archiver.kafka.bootstrap_servers, self.archiver.topics.scored, [(b"k", one) for one in paid])
        self._sent += count

    def fail(self, **changes: Any) -> str:
        """Lets the archiver run; returns what both sinks say, which must be alike in form."""
        with capture_logs() as logs, pytest.raises(FraudDetectionError):
            self._archive_here(self.archiver, **changes)
        told = {line["sink"]: line["error"] for line in logs if line["event"].startswith("a sink is given up")}
        assert told.keys() == {"lake", "delta"}, told
        for one in told.values():
            assert not re.search(r"[\n\x1b]|Traceback", one), one
            assert "new `checkpoint`" not in one
        assert len(self.beside.rows("scored")) == self._sent, "the other sink goes on"
        return " ".join(told.values())

    def copy(self, **changes: Any) -> None:
        self._archive_here(self.archiver, **changes)

    def counts(self) -> set[int]:
        """Returns how many scored payments there are for a reader of each."""
        table = opened(f"{self._delta}/scored", self._options)
        return {len(self.lake.rows("scored")), 0 if table is None else table.to_pyarrow_table().num_rows}


def test_a_volume_that_is_full_or_cannot_be_written(archiver: Archiver, archive_here: Callable[..., Any], volume: Volume) -> None:
    volume.remount("size=2m")
    lakes = Lakes(archiver, archive_here, str(volume.folder))
    lakes.pay(MANY)
    lakes.copy()
    volume.remount("ro")  # first: a write that was cut off for want of room may keep its file open
    lakes.pay(1)
    assert re.search("Read-only file system|A folder cannot be made", lakes.fail())
    volume.remount("rw")
    lakes.copy()
    assert lakes.counts() == {MANY + 1}
    filler = volume.fill()
    lakes.pay(1)
    assert "No space left on device" in lakes.fail()
    assert lakes.counts() == {MANY + 1}, "nothing is half there"
    filler.unlink()
    lakes.copy()
    assert lakes.counts() == {MANY + 2}


def test_an_s3_server_that_is_away_or_does_not_let_us_in(
    archiver: Archiver, archive_here: Callable[..., Any], s3: S3Server, tmp_path: Path
) -> None:
    proxy = Proxy(s3)
    buckets = ("closed", "away")
    for name in buckets:
        (s3.home / "data" / name).mkdir(mode=0o700)
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "credentials").write_text("[default]\naws_access_key_id = nobody\naws_secret_access_key = hunter2\n")
    conf = {f"fs.s3a.bucket.{name}.{key}": value for name in (*buckets, "missing") for key, value in IMPATIENT.items()}
    conf |= {f"fs.s3a.bucket.{name}.endpoint": proxy.endpoint for name in (*buckets, "missing")}
    conf["fs.s3a.bucket.closed.auth.profile.file"] = str(tmp_path / "wrong" / "credentials")
    settings = s3.settings | {"endpoint": proxy.endpoint}

    def lakes_in(bucket: str, sent: int = 0) -> Lakes:
        archiver.settings |= {"checkpoint": str(tmp_path / bucket)}
        return Lakes(archiver, archive_here, f"s3a://{bucket}/archive", s3, sent)

    try:
        lakes_in("missing").pay(MANY)
        for bucket, changed in (("missing", {}), ("closed", {"credentials_dir": str(tmp_path / "wrong")})):
            told = lakes_in(bucket, MANY).fail(conf=conf, s3=settings | changed)
            assert f"s3a://{bucket}/archive" in told
            assert not [key for key in (*keys(s3), "hunter2") if key in told]

        lakes = lakes_in("away", MANY)
        proxy.ends_at = r"scored/.*\.parquet"
        assert "503" in lakes.fail(conf=conf, s3=settings)
        proxy.away, proxy.ends_at = False, ""
        assert lakes.counts() <= {0}, "nothing is half there"
        proxy.dead = True
        lakes.fail(conf=conf, s3=settings)
        proxy.dead = False
        lakes.copy(conf=conf, s3=settings)
        assert lakes.counts() == {MANY}
    finally:
        proxy.close()
