"""Traffic to Kafka: profiles first, history as fast as it goes, then payments at their pace, and labels when they are due."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

import structlog

from configuration import require_topics, stop_signals
from producer.labels import Labeller
from producer.payments import Event, ProfileChange
from producer.people import Population, populate
from producer.progress import Meter
from producer.publisher import AskedToStop, Publisher
from producer.settings import LIVE_RATE, RunSettings
from producer.topics import create_topics
from producer.traffic import PAYMENTS_A_DAY, Traffic

WAIT_S = 0.1
"""Longest time between two looks at a stop signal."""
TICK_S = 0.001
"""Shortest wait: librdkafka counts in milliseconds, and waiting for less is a busy loop. What fell due meanwhile goes at once."""

log = structlog.get_logger()


class Clocks:
    """The two clocks of a run; tests set their own."""

    now: Callable[[], datetime] = staticmethod(lambda: datetime.now(UTC))
    monotonic: Callable[[], float] = staticmethod(time.monotonic)


class Run:
    """One run of the producer."""

    def __init__(self, settings: RunSettings, publisher: Publisher, stop: threading.Event, clocks: Clocks) -> None:
        self._settings, self._publisher, self._stop, self._clocks = settings, publisher, stop, clocks
        self._live = settings.clock == "live"
        now = clocks.now()
        begin = (now if self._live else settings.start) - (settings.backfill if self._live else timedelta(0))
        self._begin = begin
        self._history_end = begin + settings.backfill
        start = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        # Two live runs make the same payments at different times: their ids must differ. A replay repeats itself on purpose.
        prefix = f"{now.timestamp() * 1000:.0f}-" if self._live else ""
        self._population = populate(start, settings.seed)
        self._traffic = Traffic(
            self._population,
            start,
            settings.traffic,
            settings.base_rate,
            settings.seed,
            prefix,
            settings.days,
            settings.campaigns,
        )
        self._labeller = Labeller(
            settings.label_delay, settings.label_delay_distribution, settings.label_never_reported, settings.seed
        )
        self.sending_since = clocks.monotonic()
        self.counts = dict.fromkeys(("transactions", "frauds", "labels", "profiles"), 0)

    def run(self) -> None:
        """Sends until the end that the settings name, or until it is asked to stop."""
        self._send_profiles(self._population)
        world = self._payments()
        # The first payment takes seconds to make, as the Handbook looks 14 days ahead: the rate is counted from then on.
        events = chain(list(islice(world, 1)), world)
        self.sending_since = self._clocks.monotonic()
        first = self._send_history(events)
        log.info("producing", clock=self._settings.clock, traffic=self._settings.traffic)
        if first is not None and not self._stop.is_set():
            self._send_paced(first, events)

    def _payments(self) -> Iterator[Event]:
        """Returns the payments, and sends the profiles that change before each of them."""
        for one in self._traffic.arrivals():
            if isinstance(one, ProfileChange):
                now = self._live and one.time >= self._history_end
                profile = replace(one.profile, updated_at=self._clocks.now()) if now else one.profile
                self._publisher.send(self._settings.topics.customers, profile.card_id, profile)
                self.counts["profiles"] += 1
            elif one.time >= self._begin:
                yield one

    def _send_profiles(self, population: Population) -> None:
        topics = self._settings.topics
        with Meter("profiles", len(population.customers) + len(population.merchants)) as meter:
            for customer in population.customers:
                self._publisher.send(topics.customers, customer.card_id, customer)
                meter.step()
            for merchant in population.merchants:
                self._publisher.send(topics.merchants, merchant.terminal_id, merchant)
                meter.step()
        self.counts["profiles"] += meter.count

    def _send_history(self, events: Iterator[Event]) -> Event | None:
        """Returns the first event that is not history."""
        if not self._settings.backfill:
            return next(events, None)
        with Meter("backfill", round(PAYMENTS_A_DAY * self._settings.backfill / timedelta(days=1))) as meter:
            for event in events:
                if event.time >= self._history_end or self._stop.is_set():
                    return event
                self._send(event)
                meter.step()
        return None

    def _send_paced(self, first: Event, events: Iterator[Event]) -> None:
        settings, began = self._settings, self._clocks.monotonic()
        until = began + settings.duration.total_seconds() if settings.duration else None
        rate = settings.rate or (LIVE_RATE if self._live else None)
        with Meter("producing", settings.count) as meter:
            event: Event | None = first
            while event is not None and not self._stop.is_set():
                due = began
                if rate:
                    due = began + meter.count / rate
                if not self._live and settings.speed != "max":
                    due = max(due, began + (event.time - first.time).total_seconds() / settings.speed)
                if not self._wait(due, until):
                    return
                self._send(event._replace(time=self._clocks.now()) if self._live else event)
                meter.step()
                if meter.count == settings.count:
                    return
                event = next(events, None)

    def _wait(self, due: float, until: float | None) -> bool:
        """Returns whether `due` has come; False where the run ends before."""
        while not self._stop.is_set():
            now = self._clocks.monotonic()
            if until is not None and now >= until:
                return False
            if due <= now:
                return True
            self._publisher.wait(min(max(due - now, TICK_S), WAIT_S))
        return False

    def _send(self, event: Event) -> None:
        topics, paid = self._settings.topics, event.transaction
        if event.time != paid.event_time or self._settings.inline_labels:  # a live run's payments are made now
            paid = replace(paid, event_time=event.time, is_fraud=event.is_fraud if self._settings.inline_labels else None)
        self._publisher.send(topics.transactions, paid.card_id, paid, ledger_id=paid.transaction_id)
        self.counts["transactions"] += 1
        self.counts["frauds"] += event.is_fraud
        self._labeller.add(event._replace(transaction=paid))
        for label in self._labeller.due(event.time):
            self._publisher.send(topics.labels, label.card_id, label)
            self.counts["labels"] += 1

    @property
    def labels_left_out(self) -> int:
        """Labels of genuine payments that found no room to wait."""
        return self._labeller.left_out


def run(settings: RunSettings) -> dict[str, float]:
    """Returns what was sent, once Kafka has all of it: counts, seconds in all, transactions a second once payments are sent.

    SIGTERM and SIGINT end it early, cleanly.

    Raises:
        BrokerUnreachable, MissingTopic, TopicRefused, NotDelivered, CannotWrite: each says what to do.
    """
    topics = settings.topics
    if settings.create_topics:
        create_topics(settings.kafka, topics.specs(settings.partitions))
    require_topics(settings.kafka, topics.inputs())
    with stop_signals() as stop, Publisher(settings.kafka, settings.ledger, stop) as publisher:
        began = time.monotonic()
        one = Run(settings, publisher, stop, Clocks())
        with suppress(AskedToStop):
            one.run()
    ended = time.monotonic()
    return {
        **one.counts,
        "labels_left_out": one.labels_left_out,
        "delivered": publisher.delivered,
        "seconds": round(ended - began, 1),
        "transactions_per_second": round(one.counts["transactions"] / max(ended - one.sending_since, 0.001), 1),
    }
