"""The notifier: alerts go from Kafka into the outbox, and Kafka is told so only then; workers take them from there."""

import threading
import time
from collections.abc import Sequence

import structlog
from confluent_kafka import Message
from prometheus_client import CollectorRegistry

from contract import ContractError
from notifier.channels import channel
from notifier.channels.service import Service
from notifier.errors import UnusableOutbox
from notifier.metrics import NotifierMetrics
from notifier.notices import notice, read
from notifier.outbox import Arrival, Outbox
from notifier.reading import Alerts
from notifier.routes import channels_of
from notifier.settings import NotifierSettings
from notifier.worker import Worker

HUNG_AFTER_S = 60.0
"""Several times what a round takes where neither Kafka nor the outbox answers."""
PAUSE_S = 1.0
log = structlog.get_logger()


class Notifier:
    """Reads alerts and sends them until it is stopped.

    Raises:
        UnusableChannel: a channel's file is missing, or of no use.
        UnusableOutbox: the outbox cannot be used at the start; later it is waited for.
        BrokerUnreachable, AccessRefused, MissingTopic: as `require_topics`.
    """

    def __init__(self, settings: NotifierSettings, registry: CollectorRegistry) -> None:
        self._routes = settings.routes
        self._metrics = NotifierMetrics(registry, list(settings.channels))
        self._metrics.up_to_date(lambda: self._reached)
        self._stop_workers = threading.Event()
        ways = {name: channel(name, asked) for name, asked in settings.channels.items()}
        self._outbox = Outbox(settings.outbox)
        self._outbox.make()
        retention_s = settings.retention.total_seconds()
        self._workers = {
            name: Worker(
                name, settings.channels[name], way, Outbox(settings.outbox), self._metrics, retention_s, self._stop_workers
            )
            for name, way in ways.items()
        }
        self._alerts = Alerts(settings.kafka, settings.topics.alerts, settings.consumer_group)
        self._reached = True
        self._round = time.monotonic()
        for name, way in ways.items():
            log.info("channel", name=name, type=settings.channels[name].type, url=way.url if isinstance(way, Service) else None)

    def run(self, stop: threading.Event) -> None:
        """Returns once it is asked to stop, and every worker has ended the try at work.

        Raises:
            AnotherNotifier: a second one has taken this one's place.
        """
        for worker in self._workers.values():
            worker.start()
        try:
            while not stop.is_set():
                self._round = time.monotonic()
                self._take(self._alerts.read(), stop)
        finally:
            self._stop_workers.set()
            for worker in self._workers.values():
                worker.wake.set()
            self._alerts.close()
            for worker in self._workers.values():
                worker.join()
            self._outbox.close()

    def works(self) -> bool:
        """Returns whether alerts are read, and every channel has its worker."""
        return time.monotonic() - self._round < HUNG_AFTER_S and all(worker.is_alive() for worker in self._workers.values())

    def _take(self, messages: Sequence[Message], stop: threading.Event) -> None:
        arrivals: list[Arrival] = []
        unreadable = unrouted = 0
        for one in messages:
            try:
                alert = read(one.value())
            except ContractError as error:
                unreadable += 1
                log.warning("no alert", partition=one.partition(), offset=one.offset(), reason=error.reason)
                continue
            names = channels_of(alert, self._routes)
            told = notice(alert)
            arrivals += [Arrival(name, told, one.timestamp()[1] / 1000) for name in names]
            unrouted += not names
        if arrivals and not self._keep(arrivals, stop):
            return
        if messages:
            self._metrics.read(len(messages) - unreadable, unreadable, unrouted)
            self._alerts.commit()
        for name in {one.channel for one in arrivals}:
            self._workers[name].wake.set()

    def _keep(self, arrivals: Sequence[Arrival], stop: threading.Event) -> bool:
        """Returns whether the outbox has the alerts; False where a stop came first: they are read again then."""
        while not stop.is_set():
            try:
                self._outbox.add(arrivals, time.time())
            except UnusableOutbox as error:
                if self._reached:
                    log.warning("the outbox does not answer; alerts wait in Kafka", why=error.what)
                self._reached, self._round = False, time.monotonic()
                stop.wait(PAUSE_S)
            else:
                self._reached = True
                return True
        return False
