"""What comes before decode: records that Kafka no longer has, or gives damaged, or with a time that no calendar has."""

import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from configuration import FraudDetectionError, KafkaConnection, TopicNames
from contract import Alert, decode
from harness.detector import Detector
from harness.kafka import read_all, send
from local.broker import Broker
from spark_jobs.checkpoint_files import Folder
from spark_jobs.damage import Range
from spark_jobs.places import Checkpoint
from spark_jobs.skip_record import SkipSettings, skip
from tests.records import transaction
from tests.source import ODD_TIMES, Source

REAL_TIME = {"trigger": {"mode": "realTime", "duration": "5s", "catch_up": False}}


@pytest.fixture
def source(kafka: KafkaConnection, new_topics: Callable[..., TopicNames]) -> Source:
    return Source(kafka, new_topics(1))


@pytest.fixture
def detector(kafka: KafkaConnection, source: Source, tmp_path: Path) -> Detector:
    return Detector(kafka, source.topics, tmp_path)


@pytest.fixture
def stopped(detector: Detector, run_here: Callable[..., None]) -> Callable[..., str]:
    """Returns a function that lets the detector run into an error, and returns its paragraph."""

    def run(**changes: Any) -> str:
        with pytest.raises(FraudDetectionError) as caught:
            run_here(detector, **changes)
        assert "new `checkpoint`" not in str(caught.value)
        return str(caught.value)

    return run


def send_odd_times(source: Source) -> None:
    source.configure(source.topic, "message.timestamp.after.max.ms", 2**63 - 1)
    source.pay(1)
    for odd in ODD_TIMES.values():
        source.pay(1, timestamp=odd)
    source.pay(1)


def check_odd_times(source: Source) -> None:
    assert source.numbers() == {1: 1, len(ODD_TIMES) + 2: 1}
    assert source.scored()[-1].features["card_count_1d"] == 2, "a record of no time has changed the history"
    letters = source.letters()
    assert [(one.offset, one.reasons) for one in letters] == [(1 + at, ("invalid_timestamp",)) for at in range(len(ODD_TIMES))]
    assert [one.timestamp.year for one in letters] == [2999, 2999, 2999, 1970]


def test_a_time_that_no_calendar_has_is_a_dead_letter(source: Source, detector: Detector, run_here: Callable[..., None]) -> None:
    send_odd_times(source)
    run_here(detector)
    check_odd_times(source)


def test_deleted_records_stop_a_start_or_are_counted(
    source: Source, detector: Detector, run_here: Callable[..., None], stopped: Callable[..., str]
) -> None:
    run_here(detector)
    source.pay(10)
    source.delete_before(4)
    assert f"4 of topic {source.topic}, partition 0 (offsets 0 to 3)" in stopped()
    run_here(detector, on_lost_records="skip")
    source.pay(10)
    source.delete_before(15)
    assert f"5 of topic {source.topic}, partition 0 (offsets 10 to 14)" in stopped()
    run_here(detector, on_lost_records="skip")
    assert source.numbers() == dict.fromkeys([*range(5, 11), *range(16, 21)], 1)
    assert source.scored()[-1].features["card_count_1d"] == 11, "the history is gone"
    run_here(detector)


@pytest.mark.parametrize("fewer", [True, False])
def test_a_topic_that_is_made_anew_is_read_from_its_beginning(
    source: Source, detector: Detector, run_here: Callable[..., None], stopped: Callable[..., str], *, fewer: bool
) -> None:
    source.pay(5)
    run_here(detector)
    source.make_anew()
    source.pay(3 if fewer else 8)
    assert f"Not the topics that this checkpoint has read: {source.topic}" in stopped()
    run_here(detector, on_lost_records="skip")
    run_here(detector)
    assert source.numbers() == dict.fromkeys(range(1, 9 if fewer else 14), 1)
    assert source.scored()[-1].features["card_count_1d"] == (8 if fewer else 13), "the history is gone"


def test_a_topic_that_is_no_longer_an_input_stops_no_start_and_is_read_on_when_it_is_one_again(
    source: Source, detector: Detector, kafka: KafkaConnection, new_topics: Callable[..., TopicNames], run_here: Callable[..., None]
) -> None:
    other = Source(kafka, new_topics(1))
    source.pay(1)
    other.count = 1
    other.pay(1)
    both = {"transactions": [{"topic": source.topic}, {"topic": other.topic}]}
    run_here(detector, input=both)
    source.count = 2
    source.pay(1)
    other.count = 3
    other.pay(1)
    run_here(detector)
    assert len(source.scored()) == 3
    assert source.scored()[-1].features["card_count_1d"] == 3, "what the other topic told is forgotten"
    run_here(detector, input=both)
    assert len(source.scored()) == 4, "the other topic was read from its beginning, or not at all"
    assert source.scored()[-1].features["card_count_1d"] == 4


def test_a_damaged_batch_is_stepped_over(
    source: Source,
    detector: Detector,
    broker: Broker,
    run_here: Callable[..., None],
    stopped: Callable[..., str],
) -> None:
    source.pay(2)
    run_here(detector)
    source.pay(6)
    source.damage(broker, 6)
    assert f"`fraud skip {source.topic} 0 5`" in stopped()
    place = ["--topic", source.topic, "--partition", "0", "--offset", "5", "--reason", "a bad disk"]
    settings = SkipSettings.load(["--config", str(detector.write("availableNow")), *place], "tests")
    assert skip(Checkpoint(Folder(Path(settings.checkpoint)), settings.checkpoint), settings) == Range(5, 6)
    run_here(detector)
    source.pay(1)
    run_here(detector)
    assert source.numbers().keys() == {*range(1, 10)} - {6}
    (letter,) = source.letters()
    assert (letter.offset, letter.reasons) == (5, ("skipped:a bad disk",))
    with pytest.raises(FraudDetectionError, match="behind that record already"):
        skip(Checkpoint(Folder(Path(settings.checkpoint)), settings.checkpoint), settings)


def test_what_a_topic_does_not_take_whole_is_cut(
    source: Source, detector: Detector, kafka: KafkaConnection, run_here: Callable[..., None], stopped: Callable[..., str]
) -> None:
    for topic in (source.topics.scored, source.topics.alerts, source.topics.rejected):
        source.configure(topic, "max.message.bytes", 16_384)
    source.pay(1, is_fraud=True)
    source.pay(1, is_fraud=True, merchant_id="m" * 30_000, customer_id="ü" * 15_000)
    send(kafka.bootstrap_servers, source.topic, [(b"k", b"x" * 300_000)])
    run_here(detector, rules=detector.settings["rules"] | {"long": {"when": "amount > 0", "reason": "why " * 5_000}})
    whole, cut = (decode(Alert, one.value) for one in read_all(kafka.bootstrap_servers, source.topics.alerts))
    assert (whole.truncated, cut.truncated) == (True, True)
    assert whole.merchant == transaction().merchant_id
    assert cut.merchant in "m" * 30_000
    assert len({whole.alert_id, cut.alert_id}) == 2
    assert [one.truncated for one in source.scored()] == [None, True]
    (letter,) = source.letters()
    assert letter.truncated
    assert letter.value in b"x" * 300_000
    source.configure(source.topics.alerts, "max.message.bytes", 10_000)
    assert f"The topic {source.topics.alerts} takes messages of 10,000 bytes at most" in stopped()


@pytest.mark.long
@pytest.mark.fresh
@pytest.mark.timeout(300)
def test_the_same_in_real_time(source: Source, detector: Detector, broker: Broker) -> None:
    send_odd_times(source)
    source.take_back()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    detector.start("realTime", **REAL_TIME, metrics={"port": port})
    detector.until_scored(2)
    check_odd_times(source)
    lag = _gauge(port, "fraud_lag_rows")
    assert 2 in lag, "what was taken back, and the mark of it"
    assert 0 in lag, "a topic that ends with a mark is never read to its end"
    assert detector.stop() == 0

    begun = len(ODD_TIMES) + 5
    source.pay(10)
    source.delete_before(begun + 3)
    assert detector.run("realTime", **REAL_TIME) == 1
    assert f"6 of topic {source.topic}, partition 0" in detector.errors, "with what was taken back, and its mark"
    detector.start("realTime", **REAL_TIME, on_lost_records="skip")
    detector.until_scored(2 + 6)
    assert "records are lost" in detector.errors
    source.pay(5)
    detector.until_scored(2 + 6 + 5)
    assert detector.stop() == 0

    source.pay(3)
    damaged = len(ODD_TIMES) + 2 + 10 + 5 + 1
    source.damage(broker, damaged)
    assert detector.run("realTime", **REAL_TIME) == 1
    (said,) = [line for line in detector.errors.splitlines() if line.startswith("error: ")]
    assert f"`fraud skip {source.topic} 0 {damaged + 1}`" in said, "behind what was taken back, and its mark"


def _gauge(port: int, name: str) -> Iterator[float]:
    """Yields the values that a gauge takes, one after the other, for a minute."""
    last = None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
            lines = dict(line.rsplit(" ", 1) for line in page.read().decode().splitlines() if line[0] != "#")
        value = float(lines[name])
        if value != last:
            last = value
            yield value
