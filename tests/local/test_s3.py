"""The laptop's S3 server: it starts, stops, keeps what it was given, and lets nobody in without its keys."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pyarrow import fs

import local.s3
from configuration import NoJava
from local.errors import MissingJars
from local.s3 import BUCKET, REGION, S3Server
from tests.s3 import client


@pytest.fixture
def own(tmp_path: Path) -> Iterator[S3Server]:
    one = S3Server(tmp_path / "s3")
    yield one
    one.stop()


def put(server: S3Server, name: str, content: bytes) -> None:
    with client(server).open_output_stream(f"{BUCKET}/{name}") as out:
        out.write(content)


def get(server: S3Server, name: str) -> bytes:
    with client(server).open_input_stream(f"{BUCKET}/{name}") as found:
        return found.read()


def test_objects_outlive_a_stop_and_a_second_start_leaves_it_alone(own: S3Server) -> None:
    endpoint = own.start()
    put(own, "a/b", b"first")
    other = S3Server(own.home)
    assert other.running
    assert other.start() == endpoint
    other.stop()
    assert not own.running
    assert own.start() == endpoint, "the port is kept"
    assert get(own, "a/b") == b"first"


def test_it_listens_on_loopback_alone_and_its_keys_are_its_owners(own: S3Server) -> None:
    own.start()
    process = psutil.Process(int((own.home / "pid").read_text()))
    assert {one.laddr.ip.removeprefix("::ffff:") for one in process.net_connections() if one.status == "LISTEN"} == {"127.0.0.1"}
    secret = [own.credentials_dir / "credentials", own.home / "s3proxy.properties"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in secret} == {0o600}
    stranger = fs.S3FileSystem(anonymous=True, endpoint_override=own.endpoint.removeprefix("http://"), scheme="http", region=REGION)
    put(own, "a", b"mine")
    with pytest.raises(OSError, match="ACCESS_DENIED"):
        stranger.get_file_info(fs.FileSelector(BUCKET))
    with pytest.raises(OSError, match="ACCESS_DENIED"):
        stranger.open_input_file(f"{BUCKET}/a")


def test_a_pid_file_whose_number_is_another_programs_harms_nobody(own: S3Server) -> None:
    own.home.mkdir()
    (own.home / "pid").write_text(str(os.getpid()))
    assert not own.running
    own.stop()  # and this test still runs


def test_without_java_or_jars_it_says_what_to_do(own: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local.s3, "JARS", tmp_path)
    with pytest.raises(MissingJars, match="Run `make setup`"):
        own.start()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoJava, match="Install a JDK 17 or newer"):
        own.start()
