"""One thread a channel: plans messages, sends what is due, and keeps what came of it. No channel waits for another's server."""

import random
import threading
import time
from collections.abc import Callable

import structlog

from notifier.channels import Channel
from notifier.errors import NotDelivered, UnusableOutbox
from notifier.metrics import NotifierMetrics, Outcome
from notifier.outbox import Claimed, Outbox
from notifier.retries import pause_s
from notifier.settings import ChannelSettings

LOOK_EVERY_S = 1.0
FORGET_EVERY_S = 3_600.0
log = structlog.get_logger()


class Worker(threading.Thread):
    """Works for one channel until `stop` is set; `wake` says that alerts have come."""

    def __init__(
        self,
        name: str,
        asked: ChannelSettings,
        channel: Channel,
        outbox: Outbox,
        metrics: NotifierMetrics,
        retention_s: float,
        stop: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name=f"channel {name}", daemon=True)
        self.wake = threading.Event()
        self._channel_name, self._asked, self._channel = name, asked, channel
        self._outbox, self._metrics, self._retention_s, self._stop_asked, self._clock = outbox, metrics, retention_s, stop, clock
        self._chosen = random.Random()  # noqa: S311 no secret
        self._looked = self._forgot = float("-inf")
        self._reached = True

    def run(self) -> None:
        """Returns once it is asked to stop, after the try at work."""
        while not self._stop_asked.is_set():
            self.wake.clear()
            try:
                busy = self.work()
                self._reached = True
            except UnusableOutbox as error:
                busy = False
                if self._reached:
                    log.warning("the outbox does not answer; it is tried every second", channel=self._channel_name, why=error.what)
                self._reached = False
            if not busy:
                self.wake.wait(LOOK_EVERY_S)
        self._outbox.close()

    def work(self) -> bool:
        """Does one round; returns whether it had a message to send.

        Raises:
            UnusableOutbox: the outbox does not answer. A message that was sent meanwhile is sent again.
        """
        now, name = self._clock(), self._channel_name
        self._outbox.plan(name, now, group_s=self._asked.group.total_seconds(), per_minute=self._asked.max_per_minute)
        claimed = self._outbox.claim(name, now, self._channel.longest_s)
        if claimed is not None:
            self._try(claimed)
        if now - self._looked >= LOOK_EVERY_S:
            self._looked = now
            self._metrics.has(name, self._outbox.count(name), now)
        if now - self._forgot >= FORGET_EVERY_S:
            self._forgot = now
            self._outbox.forget(name, now - self._retention_s)
        return claimed is not None

    def _try(self, claimed: Claimed) -> None:
        name, message = self._channel_name, claimed.message
        try:
            self._channel.send(message)
        except NotDelivered as error:
            self._metrics.tried(name, self._failed(claimed, error))
            return
        except Exception as error:  # what a library did not foresee costs a try, and not the channel
            self._metrics.tried(name, self._failed(claimed, NotDelivered(type(error).__name__)))
            return
        self._outbox.delivered(name, message.id)
        self._metrics.tried(name, "delivered")
        if message.kind == "alert" and claimed.appended is not None:
            self._metrics.took(name, self._clock() - claimed.appended)
        log.info("delivered", channel=name, message=message.id, kind=message.kind, alerts=len(message.notices), tries=claimed.tries)

    def _failed(self, claimed: Claimed, error: NotDelivered) -> Outcome:
        name, message = self._channel_name, claimed.message
        pause = pause_s(claimed.tries, self._chosen)
        told = log.bind(channel=name, message=message.id, why=error.why, tries=claimed.tries)
        if error.gone:
            self._outbox.gone(name, error.why)
            told.error("the receiver is gone: the channel is off until `fraud notify retry` is called")
            return "dead"
        if pause is None:
            self._outbox.dead(name, message.id, error.why)
            told.error("given up; `fraud notify retry` sends it again")
            return "dead"
        self._outbox.again(name, message.id, self._clock() + pause, error.why)
        told.warning("not delivered; it is tried again", pause_s=round(pause))
        return "failed"
