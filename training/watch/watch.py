"""One watch: window after window, each judged as soon as it is over."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import structlog
from confluent_kafka import KafkaException

from configuration import FraudDetectionError, durations
from training.bundle import Pointer
from training.store import ModelStore
from training.watch.limits import LATE_WINDOWS, Finding, Limits, sentence
from training.watch.reading import ScoredTopic
from training.watch.sample import Sample

PARTS = 60
"""So many parts of the time before are read, to know how much they differ."""
MOST_OF_A_PART, MOST_OF_A_WINDOW = 1_000, 20_000
"""Payments that are read: 200 a second are 12,000 a minute."""
GRACE_S = 10.0
"""A window is over so long after its end, or as soon as Kafka has a later record."""
AWAY_S = 600.0
"""So long Kafka may be away."""
LOOK_S = 1.0
INTERRUPTED = 130
"""Exit code."""

Answer = TypeVar("Answer")
log = structlog.get_logger()


class NotWatched(FraudDetectionError):
    """The watch cannot go on; nothing was rolled back."""


class Interrupted(FraudDetectionError):
    """Somebody has ended the watch; the champion stays."""

    exit_code = INTERRUPTED


class Length(NamedTuple):
    """How long a watch is, and of how many windows."""

    all: timedelta
    window: timedelta
    windows: int


class Watch:
    """One watch, from a promotion on."""

    def __init__(self, store: ModelStore, topic: ScoredTopic, promoted: Pointer, length: Length, stop: threading.Event) -> None:
        self._store, self._topic, self._promoted, self._length, self._stop = store, topic, promoted, length, stop
        self._version, self._previous = promoted.version, promoted.previous or ""
        self._seen: list[Sample] = []
        self._late = 0
        self._judged = 0

    def run(self) -> str | None:
        """Returns what harm it did; None where it did none."""
        limits = self._limits()
        log.info("watching", version=self._version, before=self._previous, payments_before=limits.before.rows)
        for number in range(self._length.windows):
            begin = self._promoted.promoted_at + number * self._length.window
            sample = self._sample(begin, begin + self._length.window)
            champion = self._store.pointer("champion")
            if champion is None or champion.version != self._version:
                raise not_champion(self._version, champion)
            self._seen.append(sample)
            if harm := self._harm(limits, sample, number):
                return harm
        return None

    def kept(self) -> str:
        """Returns what came of a watch without harm."""
        rows = sum(one.rows for one in self._seen)
        lasted = durations.text(self._length.all)
        if not self._judged:
            why = "it has scored no payment" if not rows else f"{self._previous} had scored none before, to compare with"
            return f"{self._version} stays champion, and was not judged: in {lasted} after its promotion {why}."
        return (
            f"{self._version} stays champion: {rows:,} payments in {lasted} after its promotion, {self._judged} of "
            f"{self._length.windows} windows with payments, and nothing that is worse than under {self._previous}."
        )

    def _limits(self) -> Limits:
        width = self._length.all / PARTS
        first = self._promoted.promoted_at - self._length.all
        parts = [
            self._read(first + number * width, first + (number + 1) * width, self._previous, MOST_OF_A_PART)
            for number in range(PARTS)
        ]
        models = (self._store.manifest(one) for one in (self._version, self._previous))
        return Limits(parts, self._length.windows, are_probabilities=all("brier" in one.metrics for one in models))

    def _harm(self, limits: Limits, sample: Sample, number: int) -> str | None:
        """Returns the breach of a window, or of all so far together."""
        findings = limits.judge(sample)
        if not findings:
            log.info("window without a verdict", number=number + 1, payments=sample.rows, of_other_models=sample.others)
            return None
        self._judged += 1
        together = limits.judge(Sample.together(self._seen)) if len(self._seen) > 1 else []
        is_late = any(one.breached and one.metric == "latency" for one in findings)
        self._late = self._late + 1 if is_late else 0
        breached = [one for one in (*findings, *together) if one.breached and self._counts(one)]
        figures = {one.metric: round(one.value, 6) for one in findings}
        log.info("window", number=number + 1, payments=sample.rows, breached=[one.metric for one in breached], **figures)
        return f"in window {number + 1} {'; '.join(dict.fromkeys(map(sentence, breached)))}" if breached else None

    def _counts(self, one: Finding) -> bool:
        return one.metric != "latency" or self._late >= LATE_WINDOWS

    def _sample(self, begin: datetime, end: datetime) -> Sample:
        """Returns a window, once it is over."""
        while not (self._asked(lambda: self._topic.has_reached(_ms(end))) or time.time() > end.timestamp() + GRACE_S):
            if self._stop.wait(LOOK_S):
                raise self._interrupted()
        return self._read(begin, end, self._version, MOST_OF_A_WINDOW)

    def _read(self, begin: datetime, end: datetime, model: str, most: int) -> Sample:
        return self._asked(lambda: self._topic.read(_ms(begin), _ms(end), model, most))

    def _asked(self, question: Callable[[], Answer]) -> Answer:
        """Returns Kafka's answer. Where it is away it is asked again: a broker that is restarted is no reason to look away."""
        deadline = time.monotonic() + AWAY_S
        while not self._stop.is_set():
            try:
                return question()
            except KafkaException as error:
                log.warning("Kafka does not answer", why=str(error.args[0]))
                if time.monotonic() > deadline:
                    advice = "See that it runs, then watch again: `fraud models watch`. It judges the same windows."
                    raise NotWatched(
                        f"{self._version} stays champion, unwatched: Kafka has been away for too long", advice
                    ) from None
            self._stop.wait(LOOK_S)
        raise self._interrupted()

    def _interrupted(self) -> Interrupted:
        done = f"{len(self._seen)} of {self._length.windows} windows"
        return Interrupted(
            f"The watch was ended after {done}, and {self._version} stays champion",
            f"To judge the same windows and the others: `fraud models watch {self._version}`. To go back: `fraud models rollback`.",
        )


def not_champion(version: str, champion: Pointer | None) -> NotWatched:
    """Returns the error where somebody has changed the champion."""
    who = f"{champion.version} is: {champion.reason}" if champion else "nobody is"
    return NotWatched(f"{version} is not champion, {who}", "There is nothing to watch: see `fraud models audit`.")


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
