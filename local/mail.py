"""A real notifier on the laptop, whose mail goes to a folder: no server has to be there, and nothing leaves the machine.

The folder has the form of Maildir, which Python, mutt and others read. A mail server of our own would add a program, and the mail
would end in such a folder all the same.
"""

import mailbox
import sys
import urllib.error
import urllib.request
from dataclasses import asdict
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import yaml

from configuration import KafkaConnection, TopicNames
from local.process import HOST, Process

CHANNEL = "mail"
ASK_TIMEOUT_S = 2


def notifier_settings(folder: Path, kafka: KafkaConnection, topics: TopicNames) -> dict[str, Any]:
    """Returns the settings of a notifier whose outbox and mailbox are in a folder, and which takes every alert."""
    return {
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers},
        "topics": asdict(topics),
        "outbox": {"type": "sqlite", "path": str(folder / "outbox.db")},
        "channels": {CHANNEL: {"type": "mailbox", "path": str(mailbox_of(folder))}},
        "routes": [{"channels": [CHANNEL]}],
    }


def mailbox_of(folder: Path) -> Path:
    """Returns where the mail of such a notifier is; it may not be there yet."""
    return folder / "mailbox"


def subjects(folder: Path) -> dict[str, str]:
    """Returns the subjects of all mails in a mailbox, the oldest first, by names that stay."""
    if not folder.is_dir():
        return {}
    found = {name: one["Subject"] for name, one in mailbox.Maildir(folder, create=False).items()}
    return {name: str(make_header(decode_header(subject or ""))) for name, subject in sorted(found.items())}


class Mail:
    """One notifier, kept in a folder: `notifier.yaml`, `outbox.db`, `mailbox/`, `notifier.log`, `pid`, `port`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.file = home / "notifier.yaml"
        self.mailbox = mailbox_of(home)
        self._process = Process("Notifier", home, str(self.file.absolute()))

    @property
    def running(self) -> bool:
        """Whether the notifier's process lives."""
        return self._process.running

    @property
    def address(self) -> str:
        """Where its metrics are."""
        return f"http://{HOST}:{self._process.port}/metrics"

    def start(self, kafka: KafkaConnection) -> None:
        """Returns once the notifier runs. One that runs already is left alone.

        Raises:
            PortTaken, ServerFailed: each says what to do.
        """
        if self.running:
            return
        self._home.mkdir(parents=True, exist_ok=True)
        port = self._process.take_port(None)
        settings = {**notifier_settings(self._home.absolute(), kafka, TopicNames()), "metrics": {"port": port}}
        self.file.write_text(yaml.safe_dump(settings, sort_keys=False))
        command = [sys.executable, "-m", "notifier", "--config", str(self.file.absolute())]
        self._process.start(command, self._answers)

    def stop(self) -> None:
        """Stops the notifier; its mail stays. Nothing to do where none runs."""
        self._process.stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.address, timeout=ASK_TIMEOUT_S) as answer:  # noqa: S310 http
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
