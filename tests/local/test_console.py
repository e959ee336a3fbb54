"""The console: alerts are read back from Kafka and printed, whatever lies in the topic and whatever happens around it."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest
from structlog.testing import capture_logs

from configuration import KafkaConnection, TopicNames
from contract import Alert, decode, encode
from harness.kafka import send
from local.broker import Broker
from producer.topics import create_topics
from spark_jobs.sinks.console import PREFIX, ConsoleReader
from tests.records import alert, transaction

GROUP = "console"
Alerts = Callable[..., None]


@pytest.fixture
def alerts(kafka: KafkaConnection, topics: TopicNames) -> Alerts:
    """Returns a function that writes alerts of these ids, or values as they are."""

    def write(*found: str | bytes | None) -> None:
        send(kafka.bootstrap_servers, topics.alerts, [(b"k", _value(one)) for one in found])

    return write


@pytest.fixture
def reader(kafka: KafkaConnection, topics: TopicNames) -> Callable[[TextIO], ConsoleReader]:
    return lambda out: ConsoleReader(kafka, topics.alerts, GROUP, out)


def _value(one: str | bytes | None) -> bytes | None:
    return encode(alert(transaction(), alert_id=one)) if isinstance(one, str) else one


def printed(reader: Callable[[TextIO], ConsoleReader], then: Callable[[], None] = lambda: None) -> list[str]:
    """Returns the ids of the alerts that a reader prints, one that is stopped at once; `then` runs once it is made."""
    out = io.StringIO()
    one = reader(out)
    then()
    one.start()
    one.stop()
    return [_alert(line).alert_id for line in out.getvalue().splitlines()]


def _alert(line: str) -> Alert:
    assert line.startswith("Fraud transaction detected => ")
    return decode(Alert, line.removeprefix(PREFIX).encode())


def test_a_record_that_is_no_alert_is_passed_over_and_told(alerts: Alerts, reader: Callable[[TextIO], ConsoleReader]) -> None:
    with capture_logs() as told:
        found = printed(reader, lambda: alerts("first", b'{"user_id": "\xff"}', None, b'{"secret": 1}', b"[]", "last"))
    assert found == ["first", "last"]
    passed = [one for one in told if one["event"] == "a record is no alert and is not printed"]
    assert [(one["offset"], one["reason"]) for one in passed] == [
        (1, "invalid_utf8"),
        (2, "tombstone"),
        (3, "missing:alert_id"),
        (4, "not_a_json_object"),
    ]
    assert "secret" not in str(told), "a log repeats what came"


def test_a_character_that_the_output_lacks_is_escaped_as_json_has_it(
    alerts: Alerts, reader: Callable[[TextIO], ConsoleReader]
) -> None:
    bytes_ = io.BytesIO()
    one = reader(io.TextIOWrapper(bytes_, encoding="ascii"))
    strange = alert(transaction(), user_id='Zoë "€" 𝄞')
    alerts(encode(strange))
    one.start()
    one.stop()
    assert _alert(bytes_.getvalue().decode("ascii").rstrip("\n")) == strange


def test_where_nobody_reads_printing_ends_and_the_program_ends_well(
    alerts: Alerts, kafka: KafkaConnection, topics: TopicNames, reader: Callable[[TextIO], ConsoleReader]
) -> None:
    printed(reader)  # the place of the group is here
    alerts("lost")
    program = (
        "import structlog, sys\n"
        "from configuration import KafkaConnection\n"
        "from spark_jobs.sinks.console import ConsoleReader\n"
        "structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))\n"
        f"reader = ConsoleReader(KafkaConnection(bootstrap_servers='{kafka.bootstrap_servers}'), '{topics.alerts}', '{GROUP}')\n"
        "reader.start()\n"
        "reader.stop()\n"
        "print('more')\n"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert "alerts are printed no more: nobody reads the output" in done.stderr
    assert done.returncode == 0, done.stderr
    assert "Exception ignored" not in done.stderr
    assert "Traceback" not in done.stderr
    assert printed(reader) == ["lost"], "what was not printed is not kept as printed"


def test_a_new_group_begins_at_the_end_and_goes_on_where_it_was(alerts: Alerts, reader: Callable[[TextIO], ConsoleReader]) -> None:
    alerts("before")
    reader(io.StringIO())  # dies before it prints a line
    many = [f"a{number}" for number in range(2_500)]  # more than are read at a time: a stop leaves none of them
    alerts(*many)
    assert printed(reader, lambda: alerts("later")) == [*many, "later"]
    assert printed(reader) == []
    assert printed(reader, lambda: alerts("last")) == ["last"]


class Outage(io.StringIO):
    """An output at whose first line the broker goes away: after it is printed, and before its place is kept."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._broker = broker
        self.gone = threading.Event()

    def flush(self) -> None:
        if self.getvalue() and not self.gone.is_set():
            self._broker.stop()
            self.gone.set()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    one = Broker(tmp_path / "kafka")
    one.start()
    yield one
    one.kill()


@pytest.mark.timeout(120)
def test_a_broker_that_goes_away_is_waited_for(own_broker: Broker) -> None:
    connection, topics = KafkaConnection(bootstrap_servers=own_broker.address), TopicNames()
    create_topics(connection, topics.specs(1))
    out = Outage(own_broker)
    reader = ConsoleReader(connection, topics.alerts, GROUP, out)
    send(own_broker.address, topics.alerts, [(b"k", _value("first"))])
    with capture_logs() as told:
        reader.start()
        out.gone.wait()
        own_broker.start()
        send(own_broker.address, topics.alerts, [(b"k", _value("second"))])
        reader.stop()
    assert [_alert(line).alert_id for line in out.getvalue().splitlines()] == ["first", "second"]
    assert told == [], "an outage is no record"
    assert printed(lambda out: ConsoleReader(connection, topics.alerts, GROUP, out)) == []
