"""A run, on clocks of its own: what is sent, in which order, and when."""

import threading
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from contract import Customer, Label, Merchant, Transaction, encode
from producer import run as module
from producer.handbook import world
from producer.people import populate
from producer.run import Run
from producer.settings import LIVE_RATE, RunSettings

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
PROFILES = 15_000


class FakeClocks:
    """Time passes only while the run waits."""

    def __init__(self, began: datetime = NOW) -> None:
        self.began, self.seconds = began, 0.0

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class FakePublisher:
    """Keeps what it is given, with the time; asks to stop after `at_most` records."""

    def __init__(self, clocks: FakeClocks, stop: threading.Event, at_most: int) -> None:
        self.clocks, self.stop, self.at_most = clocks, stop, at_most
        self.sent: list[tuple[float, str, str, Any]] = []

    def send(self, topic: str, key: str, record: object, ledger_id: str | None = None) -> None:
        self.sent.append((self.clocks.seconds, topic, key, record))
        if len(self.sent) >= self.at_most:
            self.stop.set()

    def wait(self, seconds: float) -> None:
        self.clocks.seconds += seconds

    def of(self, kind: type) -> list[Any]:
        return [record for _, _, _, record in self.sent if isinstance(record, kind)]

    def times(self) -> list[float]:
        return [seconds for seconds, _, _, record in self.sent if isinstance(record, Transaction)]


@pytest.fixture(autouse=True)
def one_population(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "populate", cached)


cached = cache(populate)


def done(began: datetime = NOW, at_most: int = 10**9, **settings: Any) -> FakePublisher:
    clocks, stop = FakeClocks(began), threading.Event()
    publisher = FakePublisher(clocks, stop, at_most)
    Run(RunSettings(**settings), publisher, stop, clocks).run()  # type: ignore[arg-type]
    return publisher


def test_profiles_go_first() -> None:
    sent = done(clock="replay", count=5).sent
    assert [kind for _, kind, _, _ in sent[:PROFILES]] == ["customers"] * 5_000 + ["merchants"] * 10_000
    assert [topic for _, topic, _, _ in sent[PROFILES:]] == ["transactions"] * 5


def test_a_record_has_the_key_of_its_kind() -> None:
    keys = {Customer: "card_id", Merchant: "terminal_id", Transaction: "card_id", Label: "card_id"}
    for _, _, key, record in done(clock="replay", count=50, label_delay="1ms").sent:
        assert key == getattr(record, keys[type(record)])


def test_live_payments_happen_now_at_the_asked_rate() -> None:
    publisher = done(rate=20, count=40)
    assert publisher.times() == pytest.approx([number / 20 for number in range(40)], abs=0.002)
    paid = publisher.of(Transaction)
    assert [one.event_time for one in paid] == [NOW + timedelta(seconds=seconds) for seconds in publisher.times()]


def test_a_live_rate_above_the_clock_s_tick_is_kept() -> None:
    assert len(done(rate=5_000, duration="2s").times()) == pytest.approx(10_000, rel=0.01)


def test_a_run_ends_after_its_duration() -> None:
    assert len(done(duration="3s").times()) == pytest.approx(3 * LIVE_RATE, abs=2)


def test_a_live_run_that_starts_again_repeats_no_id() -> None:
    first, second = (done(NOW + timedelta(milliseconds=wait), count=500, traffic="all").of(Transaction) for wait in (0, 1))
    assert not {one.transaction_id for one in first} & {one.transaction_id for one in second}
    assert [one.amount for one in first] == [one.amount for one in second]


def test_a_replay_has_the_handbooks_times_and_is_the_same_each_time() -> None:
    first, second = (done(NOW + timedelta(days=wait), clock="replay", traffic="all", count=3_000) for wait in (0, 9))
    assert [encode(one) for _, _, _, one in first.sent] == [encode(one) for _, _, _, one in second.sent]
    assert first.times()[-1] == 0  # as fast as it goes: nothing waited
    day = next(iter(world(1)))
    midnight = datetime(2018, 4, 1, tzinfo=UTC)
    spine = [one.event_time for one in first.of(Transaction) if one.transaction_id.startswith("n")]
    assert spine == [midnight + timedelta(seconds=second) for second in day.seconds.tolist()][: len(spine)]


def test_a_replay_keeps_its_speed() -> None:
    publisher = done(clock="replay", speed=3_600, count=400)
    paid = publisher.of(Transaction)
    due = [(one.event_time - paid[0].event_time).total_seconds() / 3_600 for one in paid]
    assert publisher.times() == pytest.approx(due, abs=0.002)


def test_a_rate_caps_a_replay() -> None:
    assert done(clock="replay", rate=100, count=300).times()[-1] == pytest.approx(2.99, abs=0.01)


def test_a_replay_of_so_many_days_ends() -> None:
    paid = done(clock="replay", days=2).of(Transaction)
    assert len(paid) == sum(len(day.seconds) for day in world(2))


def test_backfill_goes_at_once_and_ends_now() -> None:
    publisher = done(backfill="2d", rate=10, count=30, label_delay="1d")
    paid = publisher.of(Transaction)
    past = [one for one in paid if one.event_time < NOW]
    assert len(paid) - len(past) == 30
    assert min(one.event_time for one in past) >= NOW - timedelta(days=2)
    assert max(one.event_time for one in past) > NOW - timedelta(minutes=5)
    assert len(past) == pytest.approx(19_000, rel=0.1)
    assert publisher.times()[len(past) - 1] == 0
    times = [one.event_time for one in paid]
    assert times == sorted(times)


def test_labels_come_when_simulated_time_reaches_them() -> None:
    publisher = done(backfill="2d", rate=10, count=30, label_delay="1d")
    at, known = datetime.min.replace(tzinfo=UTC), set()
    for record in publisher.of((Transaction, Label)):  # type: ignore[arg-type]
        if isinstance(record, Transaction):
            at = record.event_time
            known.add(record.transaction_id)
        else:
            assert record.labelled_at <= at
            assert record.labelled_at == record.event_time + timedelta(days=1)
            assert record.transaction_id in known
    labelled = {one.transaction_id for one in publisher.of(Label)}
    assert labelled == {one.transaction_id for one in publisher.of(Transaction) if one.event_time + timedelta(days=1) <= at}


def test_the_truth_is_in_transactions_only_where_it_is_asked_for() -> None:
    assert not any(b"is_fraud" in encode(one) for one in done(clock="replay", count=2_000).of(Transaction))
    asked = done(clock="replay", traffic="hacker", count=500, inline_labels=True, label_delay="1ms")
    truths = {one.transaction_id: one.is_fraud for one in asked.of(Transaction)}
    assert set(truths.values()) == {True, False}
    assert all(label.is_fraud == truths[label.transaction_id] for label in asked.of(Label))


@pytest.mark.parametrize("clock", ["live", "replay"])
def test_a_taken_over_account_has_a_new_address_before_it_pays(clock: str) -> None:
    publisher = done(clock=clock, traffic="hacker", campaigns={"account_takeover": 1}, count=40)
    records = [record for _, _, _, record in publisher.sent[PROFILES:]]
    moved: dict[str, datetime] = {}
    for record in records:
        if isinstance(record, Customer):
            moved[record.card_id] = record.updated_at
        else:
            assert moved[record.card_id] <= record.event_time, "it pays before its address changes"
    assert len(moved) > 3
    times = [record.updated_at if isinstance(record, Customer) else record.event_time for record in records]
    assert times == sorted(times), "each is sent when it happens"


def test_a_run_that_is_asked_to_stop_stops() -> None:
    assert len(done(clock="replay", at_most=PROFILES + 10).sent) == PROFILES + 10
    assert len(done(rate=1, at_most=PROFILES + 10).sent) == PROFILES + 10
