"""Servers that a notifier sends to."""

from collections.abc import Iterator

import pytest

from harness.receiving import MailServer, Receiver, mail_server, receiver


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def post() -> Iterator[MailServer]:
    with mail_server() as one:
        yield one
