"""A real S3 server on the laptop: S3Proxy over a folder, run from the jars that `make setup` copies; on loopback alone."""

import os
import secrets
import urllib.error
import urllib.request
from pathlib import Path

from configuration import find_java
from local.errors import MissingJars
from local.process import HOST, Process

JARS = Path(__file__).parent.parent / ".runtime" / "s3"
REGION = "us-east-1"
BUCKET = "fraud"
ASK_TIMEOUT_S = 2.0
JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
LOGGING = Path(__file__).parent / "s3" / "logback.xml"

PROPERTIES = """\
s3proxy.endpoint={endpoint}
s3proxy.authorization=aws-v4
s3proxy.identity={access_key}
s3proxy.credential={secret_key}
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={data}
"""
PROFILE = """\
[default]
aws_access_key_id = {access_key}
aws_secret_access_key = {secret_key}
"""


class S3Server:
    """One S3 server, kept in a folder: `data/` with the bucket, `s3.log`, `pid`, `port`, `credentials/`.

    Its keys are made at each start and stand in two files that only their owner can read: the server's own properties, and
    `credentials/credentials` in AWS's format, for clients.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.credentials_dir = home / "credentials"
        self._properties = home / "s3proxy.properties"
        self._process = Process("S3", home, str(self._properties))
        self.log = self._process.log

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process.running

    @property
    def endpoint(self) -> str:
        """URL for clients; the port is kept over restarts."""
        return f"http://{HOST}:{self._process.port}"

    def start(self) -> str:
        """Returns the URL, once the server answers there and has the bucket. One that runs already is left alone.

        Raises:
            MissingJars, PortTaken, ServerFailed, configuration.NoJava: each says what to do.
        """
        if self.running:
            return self.endpoint
        java = find_java()
        if not any(JARS.glob("s3proxy-*.jar")):
            raise MissingJars("The S3 server's jars are not there", "Run `make setup`.")
        data = (self.home / "data").absolute()
        data.mkdir(parents=True, exist_ok=True)
        (data / BUCKET).mkdir(mode=0o700, exist_ok=True)  # a folder is a bucket, and one that others may read is public
        self._process.take_port(None)
        keys = {"access_key": secrets.token_hex(10), "secret_key": secrets.token_hex(20)}
        self.credentials_dir.mkdir(mode=0o700, exist_ok=True)
        _write_secret(self.credentials_dir / "credentials", PROFILE.format(**keys))
        _write_secret(self._properties, PROPERTIES.format(endpoint=self.endpoint, data=data, **keys))
        logging = f"-Dlogback.configurationFile={LOGGING}"
        arguments = ["-cp", f"{JARS}/*", "org.gaul.s3proxy.Main", "--properties", str(self._properties)]
        self._process.start([java, *JVM, logging, *arguments], self._answers)
        return self.endpoint

    def stop(self) -> None:
        """Stops the server; its objects stay. Nothing to do where none runs."""
        self._process.stop()

    @property
    def settings(self) -> dict[str, str | bool]:
        """How clients reach it, as the detector's settings have it under `s3`."""
        return {"endpoint": self.endpoint, "region": REGION, "path_style": True, "credentials_dir": str(self.credentials_dir)}

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.endpoint, timeout=ASK_TIMEOUT_S).close()  # noqa: S310 it is our own
        except urllib.error.HTTPError:
            pass  # who gives no keys is refused: an answer
        except OSError:
            return False
        return True


def _write_secret(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
