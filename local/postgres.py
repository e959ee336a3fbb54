"""A real PostgreSQL server on the laptop: the distribution's programs over a folder; on loopback alone."""

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from local.errors import MissingProgram, ServerFailed
from local.process import HOST, Process

DATABASE = "fraud"
USER = "fraud"
ASK_TIMEOUT_S = 2
DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian puts the programs, by version, and not on PATH."""

AS_NOBODY_SPECIAL = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""PostgreSQL refuses to run as root. In a user namespace it is user 1000, without a right that we lack, and files stay ours."""


class PostgresServer:
    """One server, kept in a folder: `data/`, `postgres.log`, `pid`, `port`, `password`.

    The password is made with the database, and stands in a file that only its owner can read.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.password_file = home / "password"
        self._data = home / "data"
        self._process = Process("Postgres", home, str(self._data.absolute()), quits_by=signal.SIGINT)
        self.log = self._process.log

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process.running

    @property
    def port(self) -> int:
        """Where clients find it; kept over restarts."""
        return self._process.port or 0

    @property
    def address(self) -> str:
        """The same for people."""
        return f"{HOST}:{self.port}"

    @property
    def settings(self) -> dict[str, str | int]:
        """How clients reach it, as the archiver's settings have it in a sink of type postgres."""
        where: dict[str, str | int] = {"host": HOST, "port": self.port, "database": DATABASE, "user": USER}
        return {**where, "password_file": str(self.password_file.absolute()), "sslmode": "disable"}

    def start(self) -> str:
        """Returns the address, once the server answers there and has the database. One that runs already is left alone.

        Raises:
            MissingProgram, PortTaken, ServerFailed: each says what to do.
        """
        if self.running:
            return self.address
        programs = _programs()
        self.home.mkdir(parents=True, exist_ok=True)
        if not (self._data / "PG_VERSION").exists():
            self._make(programs)
        self._process.take_port(None)
        own = {"listen_addresses": HOST, "port": str(self.port), "unix_socket_directories": "", "fsync": "off"}
        options = [part for name, value in own.items() for part in ("-c", f"{name}={value}")]
        server = [str(programs / "postgres"), "-D", str(self._data.absolute()), *options]
        self._process.start([*_prefix(), *server], self._answers)
        return self.address

    def stop(self) -> None:
        """Stops the server; its data stay. Nothing to do where none runs."""
        self._process.stop()

    def kill(self) -> None:
        """Ends the server as a power cut would: without a word to its clients, and the next start recovers.

        It is `pg_ctl stop -m immediate`. After a SIGKILL the server's other processes live on for a moment, and no server starts.
        """
        self._process.kill(by=signal.SIGQUIT)

    def connect(self, database: str = DATABASE) -> psycopg.Connection:
        """Returns a connection that commits each statement by itself."""
        return psycopg.connect(
            host=HOST,
            port=self.port,
            user=USER,
            dbname=database,
            password=self.password_file.read_text(),
            connect_timeout=ASK_TIMEOUT_S,
            autocommit=True,
        )

    def _make(self, programs: Path) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # of a first start that was cut off
        self.password_file.unlink(missing_ok=True)
        with os.fdopen(os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(20))
        asked = ["-D", str(self._data.absolute()), "-U", USER, f"--pwfile={self.password_file.absolute()}"]
        forms = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run([*_prefix(), str(programs / "initdb"), *asked, *forms], capture_output=True, text=True, check=False)
        if made.returncode:
            why = (made.stderr.strip().splitlines() or ["no output"])[-1]
            raise ServerFailed(
                f"PostgreSQL's initdb failed: {why}", "As root it needs user namespaces: run as another user without."
            )

    def _answers(self) -> bool:
        try:
            with self.connect("postgres") as found:
                if not found.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                    found.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True


def _prefix() -> tuple[str, ...]:
    return AS_NOBODY_SPECIAL if os.geteuid() == 0 else ()


def _programs() -> Path:
    """Returns the folder with PostgreSQL's programs: where PATH has them, else that of Debian's newest version."""
    debian = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    found = shutil.which("initdb") or (debian[-1] if debian else None)
    if found is None:
        raise MissingProgram(
            "PostgreSQL's server is not installed", "Install your distribution's `postgresql`, or run `make setup`."
        )
    return Path(found).parent
