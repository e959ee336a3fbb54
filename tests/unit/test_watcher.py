"""The watcher's counts of records as they are, its idea of what waits, its page, its health."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message
from prometheus_client import CollectorRegistry

from configuration.serving import PortInUse, serving
from contract import Rejected, Topics, encode
from tests.hostile import hostile
from tests.records import AT, alert, scored, transaction
from watcher.counting import Counting
from watcher.errors import NoClient
from watcher.inputs import LOOK_AFTER_S, Inputs
from watcher.metrics import RULES, WatchMetrics
from watcher.names import Names
from watcher.outputs import Read
from watcher.partitions import NO_TOPIC, Partitions, Topic
from watcher.records import Place
from watcher.settings import WatcherSettings
from watcher.watch import Watcher

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
TOPICS = Topics()
PAID = transaction(channel="ecom")
PLAIN = replace(scored(PAID), features={"a": 1.0, "b": 2.0}, fraud_score=0.25, model_version="xgboost-1", ruleset_version="r1")
LETTER = Rejected(
    topic=TOPICS.transactions,
    partition=0,
    offset=6,
    timestamp=AT,
    reasons=("missing:amount", "missing:currency", "invalid:channel"),
    schema_version=3,
)
FIRST = Place(TOPICS.transactions, 0)


class Bench:
    """What the watcher does with records and ends, and what it says of them."""

    def __init__(self, filtered: Sequence[str] = ()) -> None:
        self.registry = CollectorRegistry()
        self.seconds = 0.0
        self.inputs = Inputs(filtered, lambda: self.seconds)
        self.counting = Counting(TOPICS, self.inputs, WatchMetrics(self.registry))

    def take(self, topic: str, *values: Any, of: int | None = 0, took: float = 0, is_old: bool = False) -> None:
        """Takes records of the input at an offset, appended so many seconds after it."""
        place = (("input-topic", b"transactions"), ("input-partition", b"0"), ("input-offset", str(of).encode()))
        headers = [] if of is None else [*place, ("input-timestamp", b"1000000")]
        at = (TIMESTAMP_LOG_APPEND_TIME, 1_000_000 + round(took * 1000))
        messages = (Message(topic=topic, partition=0, offset=0, value=one, headers=headers, timestamp=at) for one in values)
        self.counting.take(Read(one, Place(topic, 0), is_old) for one in messages)

    def says(self, name: str, **labels: str) -> float | None:
        """Returns the value of a metric."""
        return self.registry.get_sample_value(f"fraud_watch_{name}", labels)

    def all(self, name: str) -> dict[tuple[str, ...], float]:
        """Returns the values of a metric by those of its labels."""
        samples = (sample for metric in self.registry.collect() for sample in metric.samples)
        return {tuple(one.labels.values()): one.value for one in samples if one.name == f"fraud_watch_{name}"}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_page_lists_every_metric_of_the_watcher_as_it_is() -> None:
    registry = CollectorRegistry()
    Watcher(WatcherSettings(), WatchMetrics(registry))
    known = {
        (f"`{one.name}{'_total' if one.type == 'counter' else ''}`", one.type, one.documentation) for one in registry.collect()
    }
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.read_text().splitlines()]
    assert {(row[0], row[1], row[3]) for row in rows if row and row[0].startswith("`fraud_watch_")} == known


def test_a_scored_record_is_counted_by_all_that_it_says(bench: Bench) -> None:
    others = (
        replace(PLAIN, features={"a": 1.0}, decision="approve", rules=()),
        replace(PLAIN, rules=("over", "night"), fraud_score=None, model_version=None, ruleset_version="r2"),
        replace(PLAIN, fraud_score=None),
    )
    bench.take(TOPICS.scored, *map(encode, (PLAIN, *others)), took=0.04)
    assert bench.all("decisions_total") == {("approve",): 1, ("review",): 3, ("decline",): 0}
    assert bench.all("channel_decisions_total") == {("ecom", "approve"): 1, ("ecom", "review"): 3}
    assert bench.all("rule_hits_total") == {("over",): 3, ("night",): 1}
    assert bench.all("model_decisions_total") == {("xgboost-1",): 3, ("none",): 1}
    assert bench.all("ruleset_decisions_total") == {("r1",): 3, ("r2",): 1}
    assert bench.says("unscored_total") == 1, "a model, and no score"
    assert bench.all("absent_features_total") == {("a",): 0, ("b",): 1}
    assert bench.says("out_records_total", topic=TOPICS.scored) == 4
    assert (bench.says("score_count"), bench.says("score_sum")) == (2, 0.5)
    assert (bench.says("score_bucket", le="0.2"), bench.says("score_bucket", le="0.3")) == (0, 2)
    assert bench.says("scored_latency_seconds_bucket", le="0.03") == 0
    assert bench.says("scored_latency_seconds_bucket", le="0.05") == 4
    assert bench.says("unreadable_total") == 0


def test_a_feature_that_goes_missing_is_counted_from_then_on(bench: Bench) -> None:
    bench.take(TOPICS.scored, encode(PLAIN), is_old=True)
    bench.take(TOPICS.scored, encode(replace(PLAIN, features={"a": 1.0})))
    assert bench.all("absent_features_total") == {("a",): 0, ("b",): 1}
    assert bench.says("out_records_total", topic=TOPICS.scored) == 1, "what was there when the watcher began is not counted"


def test_alerts_and_dead_letters(bench: Bench) -> None:
    bench.take(TOPICS.alerts, encode(alert(PAID)), took=1.5)
    bench.take(TOPICS.alerts, encode(alert(PAID)), of=None)
    bench.take(TOPICS.rejected, encode(LETTER), encode(replace(LETTER, reasons=("tombstone",))))
    assert bench.says("alert_latency_seconds_count") == 1, "of one nobody knows when its payment came"
    assert bench.says("alert_latency_seconds_sum") == 1.5
    assert bench.all("rejected_total") == {("missing",): 1, ("invalid",): 1, ("tombstone",): 1}
    assert bench.all("out_records_total") == {(TOPICS.alerts,): 2, (TOPICS.rejected,): 2}


def test_the_receipt_of_a_replay_is_no_dead_letter(bench: Bench) -> None:
    receipt = Message(topic=TOPICS.rejected, partition=0, offset=0, key=b"transactions/0/6", headers=[("replayed", b"1000000")])
    bench.counting.take([Read(receipt, Place(TOPICS.rejected, 0), False)])
    assert (bench.says("unreadable_total"), bench.all("rejected_total")) == (0, {})
    bench.take(TOPICS.rejected, None)
    assert bench.says("unreadable_total") == 1, "nothing says that it is one"


@pytest.mark.parametrize("took", [-5.0, 1e12])
def test_a_timestamp_without_sense_leaves_the_mean_readable(bench: Bench, took: float) -> None:
    bench.take(TOPICS.scored, encode(PLAIN), took=took)
    assert bench.says("scored_latency_seconds_sum") in (0, 86_400)
    assert bench.says("scored_latency_seconds_bucket", le="1800.0") == (took < 0)


def test_the_age_of_the_newest_grows_and_a_clock_that_is_ahead_does_not_hide_that(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 10.0
    monkeypatch.setattr("watcher.counting.time.time", lambda: now)
    bench = Bench()
    now = 1_030.0
    assert bench.counting.newest_scored_age() == 1_020
    bench.take(TOPICS.scored, encode(PLAIN), took=10, is_old=True)
    assert bench.counting.newest_scored_age() == 20
    bench.take(TOPICS.scored, encode(PLAIN), took=9_000)
    now = 1_060.0
    assert bench.counting.newest_scored_age() == 30


def _nested(levels: int) -> bytes:
    return b'{"transaction":' * levels + b"{}" + b"}" * levels


def test_foreign_records_are_counted_and_break_nothing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = [*hostile(2_000), _nested(3), _nested(50_000), b"[" * 50_000, b"null", encode(LETTER)[:-1], encode(PLAIN) + b"x"]
    for topic in TOPICS.outputs():
        bench.take(topic, *foreign)
    assert bench.says("unreadable_total") == len(foreign) * 3
    assert bench.all("out_records_total") == {(topic,): len(foreign) for topic in TOPICS.outputs()}
    bench.take(TOPICS.scored, encode(PLAIN))
    assert bench.says("decisions_total", decision="review") == 1
    assert capsys.readouterr() == ("", "")


HEADERS: list[Any] = [
    None,
    [("input-topic", b"transactions")],
    [("input-topic", b"t"), ("input-partition", b"0"), ("input-offset", b"0"), ("input-timestamp", None)],
    [("input-topic", b"\xff"), ("input-partition", b"0"), ("input-offset", b"0"), ("input-timestamp", b"1")],
    [("input-topic", b"t"), ("input-partition", b"zero"), ("input-offset", b"9" * 9_999), ("input-timestamp", b"1")],
]


@pytest.mark.parametrize("headers", HEADERS)
def test_headers_that_say_nothing_cost_the_latency_alone(bench: Bench, headers: Any) -> None:
    message = Message(topic=TOPICS.scored, partition=0, offset=0, value=encode(PLAIN), headers=headers, timestamp=(2, 1_000))
    bench.counting.take([Read(message, Place(TOPICS.scored, 0), False)])
    assert bench.says("decisions_total", decision="review") == 1
    assert bench.says("scored_latency_seconds_count") == 0


def test_foreign_texts_are_few_labels_and_no_card_numbers(bench: Bench) -> None:
    def foreign(text: str) -> bytes:
        return encode(
            replace(
                scored(replace(PAID, channel=text)),
                decision=text,
                features={text: 1.0},
                rules=(text,),
                model_version=text,
                ruleset_version=text,
            )
        )

    odd = ["x" * 101, "", " ", "a\nb", "é", "4242424242424242", '"}', "-"]
    texts = [*odd, *(f"n{number}" for number in range(600))]
    bench.take(TOPICS.scored, *map(foreign, texts))
    bench.take(TOPICS.rejected, *(encode(replace(LETTER, reasons=(f"{text}:x",))) for text in texts))
    values = {value for metric in bench.registry.collect() for one in metric.samples for value in one.labels.values()}
    assert values.isdisjoint(odd)
    assert len(bench.all("rule_hits_total")) == RULES + 1
    assert sum(bench.all("rule_hits_total").values()) == len(texts)
    assert set(bench.all("channel_decisions_total")) == {("other", "other")}
    assert all(len(bench.all(f"{name}_total")) <= 501 for name in ("absent_features", "model_decisions", "rejected"))


def test_names_stay_what_they_were() -> None:
    names = Names(2)
    assert [names.of(text) for text in ("a", "b", "c", "a", None, "other")] == ["a", "b", "other", "a", "none", "other"]


class TestWhatWaits:
    def test_nothing_where_each_record_has_a_result(self, bench: Bench) -> None:
        bench.inputs.ended({FIRST: 5})
        assert bench.inputs.waits_since() is None, "of what was there before nobody knows"
        bench.seconds = 1
        bench.inputs.ended({FIRST: 7})
        assert bench.inputs.waits_since() == 1
        bench.take(TOPICS.scored, encode(PLAIN), of=5)
        bench.take(TOPICS.rejected, encode(LETTER))
        assert bench.inputs.waits_since() is None, "6 is rejected, and that is a result"

    def test_each_result_shows_that_somebody_works(self, bench: Bench) -> None:
        bench.inputs.ended({FIRST: 0})
        bench.inputs.ended({FIRST: 10})
        bench.seconds = 60
        assert bench.inputs.waits_since() == 0
        bench.take(TOPICS.scored, encode(PLAIN), of=3)
        assert bench.inputs.waits_since() == 60
        bench.seconds = 70
        bench.take(TOPICS.scored, encode(PLAIN), of=1)
        assert bench.inputs.waits_since() == 70, "a repeat is a result"
        for offset in (9, 2):
            bench.take(TOPICS.scored, encode(PLAIN), of=offset)
        assert bench.inputs.waits_since() is None, "and takes no result away"

    def test_a_partition_that_stands_still_is_seen_beside_others(self, bench: Bench) -> None:
        second = Place(TOPICS.transactions, 1)
        bench.inputs.ended({FIRST: 0, second: 0})
        bench.inputs.ended({FIRST: 1, second: 1})
        bench.seconds = 9
        bench.take(TOPICS.scored, encode(PLAIN), of=0)
        assert bench.inputs.waits_since() == 0

    def test_what_was_left_before_the_watcher_began_is_known_by_the_last_results(self, bench: Bench) -> None:
        bench.inputs.ended({FIRST: 10})
        bench.take(TOPICS.scored, encode(PLAIN), of=7, is_old=True)
        assert bench.inputs.waits_since() == 0
        assert bench.inputs.ended({FIRST: 10}) == {TOPICS.transactions: 0}

    def test_records_are_counted_by_ends(self, bench: Bench) -> None:
        assert bench.inputs.ended({FIRST: 5}) == {TOPICS.transactions: 0}
        assert bench.inputs.ended({FIRST: 8}) == {TOPICS.transactions: 3}
        second = Place(TOPICS.transactions, 1)
        assert bench.inputs.ended({FIRST: 8, second: 4}, new={second}) == {TOPICS.transactions: 4}
        assert bench.inputs.ended({FIRST: 2}) == {TOPICS.transactions: 2}, "the topic was made anew"

    def test_a_topic_that_is_made_anew_waits_once_it_grows(self, bench: Bench) -> None:
        bench.inputs.ended({FIRST: 0})
        bench.inputs.ended({FIRST: 9})
        bench.take(TOPICS.scored, encode(PLAIN), of=8)
        bench.inputs.ended({FIRST: 2})
        assert bench.inputs.waits_since() is None
        bench.inputs.ended({FIRST: 3})
        assert bench.inputs.waits_since() == 0

    def test_a_result_of_what_cannot_be_blinds_nobody(self, bench: Bench) -> None:
        bench.inputs.ended({FIRST: 0})
        bench.take(TOPICS.scored, encode(PLAIN), of=10**18)
        bench.take(TOPICS.rejected, encode(replace(LETTER, topic="nowhere")))
        bench.inputs.ended({FIRST: 1})
        bench.inputs.ended({FIRST: 2})
        assert bench.inputs.waits_since() == 0

    def test_a_gap_is_looked_into_once(self, bench: Bench) -> None:
        bench.inputs.ended({FIRST: 0})
        bench.inputs.ended({FIRST: 4})
        assert bench.inputs.gaps() == {}
        bench.seconds = LOOK_AFTER_S
        assert bench.inputs.gaps() == {FIRST: 0}
        bench.inputs.looked(FIRST, 2)
        assert (bench.inputs.gaps(), bench.inputs.waits_since()) == ({}, 0), "a record is there, and waits"
        bench.take(TOPICS.scored, encode(PLAIN), of=2)
        bench.seconds += LOOK_AFTER_S
        assert bench.inputs.gaps() == {FIRST: 3}
        bench.inputs.looked(FIRST, 4)
        assert bench.inputs.waits_since() is None, "the rest is for nobody to read"

    def test_of_a_topic_of_which_records_are_passed_over_none_waits(self) -> None:
        bench = Bench(filtered=[TOPICS.transactions])
        bench.inputs.ended({FIRST: 0})
        assert bench.inputs.ended({FIRST: 4}) == {TOPICS.transactions: 4}
        bench.seconds = 100
        assert (bench.inputs.gaps(), bench.inputs.waits_since()) == ({}, None)


def test_partitions_that_come_later_are_new() -> None:
    partitions = Partitions()
    assert partitions.seen({"a": Topic(1, "x"), "b": NO_TOPIC}) == set()
    assert partitions.new == set()
    assert partitions.seen({"a": Topic(2, "x"), "b": Topic(1, "y")}) == set()
    assert partitions.new == {Place("a", 1), Place("b", 0)}
    assert partitions.seen({"a": NO_TOPIC, "c": Topic(1, "z")}) == set()
    assert partitions.all == {Place("a", 0), Place("a", 1), Place("b", 0), Place("c", 0)}
    assert Place("c", 0) not in partitions.new
    assert partitions.seen({"a": Topic(1, "other"), "c": Topic(1, "z")}) == {Place("a", 0)}
    assert Place("a", 0) in partitions.new, "all that it holds has come since"


@pytest.fixture
def health() -> Iterator[tuple[int, list[bool]]]:
    """Gives a port and a list whose last element says whether the program works."""
    works = [True]
    with serving(CollectorRegistry(), "127.0.0.1", 0, lambda: works[-1]) as port:
        yield port, works


def _status(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_health_is_that_of_the_loop(health: tuple[int, list[bool]]) -> None:
    port, works = health
    assert [_status(port, path) for path in ("/healthz", "/metrics", "/elsewhere")] == [200, 200, 404]
    works.append(False)
    assert _status(port, "/healthz") == 503


def test_a_loop_that_hangs_works_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("watcher.watch.time.monotonic", lambda: now)
    watcher = Watcher(WatcherSettings(), WatchMetrics(CollectorRegistry()))
    assert watcher.works()
    now = 31.0
    assert not watcher.works()


def test_what_cannot_start_says_why(health: tuple[int, list[bool]], tmp_path: Path) -> None:
    with (
        pytest.raises(PortInUse, match=f"port {health[0]} of 127.0.0.1"),
        serving(CollectorRegistry(), "127.0.0.1", health[0], bool),
    ):
        pass
    for kafka in (
        {"security_protocol": "SSL", "ca_file": tmp_path / "none"},
        {"security_protocol": "SASL_SSL", "sasl_username": "u", "sasl_password_file": tmp_path / "none"},
    ):
        with pytest.raises(NoClient, match="files under `kafka`"):
            Watcher(WatcherSettings(kafka=kafka), WatchMetrics(CollectorRegistry()))


@pytest.mark.parametrize(
    ("arguments", "complete"),
    [((), (TOPICS.transactions,)), (("--inputs", "a,b"), ("a", "b")), (("--filtered-inputs", "a"), ())],
)
def test_payments_are_in_the_topics_that_are_named(home: Path, arguments: Sequence[str], complete: tuple[str, ...]) -> None:
    assert WatcherSettings.load(arguments, "test").complete_inputs == complete
