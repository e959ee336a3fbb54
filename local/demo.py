"""`fraud demo`: broker, traffic, detector, watcher, archiver and trainer at once, watched through the topics that they write."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import yaml
from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition
from rich.console import Console
from rich.live import Live

from configuration import KafkaConnection, TopicNames, stop_signals
from contract import Alert, decode
from local.broker import Broker
from local.children import Child, running
from local.mail import mailbox_of, notifier_settings, subjects
from local.process import HOST, free_port
from local.screen import Moment, State, screen, status_line
from local.state import models_folder
from producer.topics import create_topics
from spark_jobs.errors import UnusableModel
from spark_jobs.settings import S3
from spark_jobs.sinks.console import PREFIX
from training.store import ModelStore, NoSuchModel

RULES = Path(__file__).parent / "demo.yaml"
PARTITIONS = 1
"""Of each topic: real-time mode keeps a task busy for each, and a laptop has few cores."""
BACKFILL, LABEL_DELAY = "10d", "1d"
"""Enough to learn from; labels come early, as nobody watches a demo for long."""
WORLD_BEGAN = timedelta(days=150)
"""So long ago. Its five thousand customers pay seven times a minute: a hundred payments a second are its time, passing quickly."""
MOST_AT_ONCE = 10_000
STATUS_EVERY_S = 5.0
LOOK_EVERY_S = 0.25
CAUGHT_UP_S = 3.0
"""The detector has caught up once fewer payments wait than come in this time, and not fewer than a second ago."""


class Watch:
    """Reads the demo's topics and keeps its State."""

    def __init__(self, connection: KafkaConnection, topics: TopicNames, state: State, rate: float) -> None:
        self._topics, self._state = topics, state
        self._caught_up_at = max(rate * CAUGHT_UP_S, 1)
        self._waiting = 0
        kafka = {**connection.librdkafka(), "group.id": "fraud-demo", "enable.auto.commit": False, "log_level": 0}
        self._consumer = Consumer(kafka)
        self._consumer.assign([TopicPartition(topics.alerts, number, 0) for number in range(PARTITIONS)])
        self._began = self._counted_at = time.monotonic()

    def go_live(self) -> None:
        """From now on payments are read too, so that latencies count."""
        self._state.phase = "live"
        self._consumer.incremental_assign(
            [TopicPartition(self._topics.transactions, number, OFFSET_END) for number in range(PARTITIONS)]
        )

    def look(self) -> list[bytes]:
        """Returns the alerts that came since the last look, after bringing the state up to date."""
        state = self._state
        alerts: list[bytes] = []
        messages = [one for one in self._consumer.consume(MOST_AT_ONCE, LOOK_EVERY_S) if not one.error()]
        state.seconds = time.monotonic() - self._began
        for message in messages:
            value, appended = message.value() or b"", message.timestamp()[1]
            if message.topic() == self._topics.transactions:
                state.latencies.paid(json.loads(value)["transaction_id"], appended)
                continue
            alert = decode(Alert, value)
            alerts.append(value)
            state.warned(alert)
            state.latencies.alerted(alert.transaction_id, appended)
        self._count()
        return alerts

    def close(self) -> None:
        """Leaves the topics."""
        self._consumer.close()

    def _count(self) -> None:
        state, now = self._state, time.monotonic()
        if now - self._counted_at < 1:
            return
        counted = ((self._topics.transactions, 1), (self._topics.scored, PARTITIONS), (self._topics.rejected, 1))
        try:
            counts = [self._end(topic, partitions) for topic, partitions in counted]
        except KafkaException:  # the broker is busy: what was counted stands; who leads is asked, else it is known in minutes
            with suppress(KafkaException):
                self._consumer.list_topics(timeout=1)
            return
        before, (state.transactions, state.scored, state.rejected) = state.scored, counts
        state.per_second = (state.scored - before) / (now - self._counted_at)
        state.moments.append(Moment(state.seconds, state.transactions, state.scored, state.alerts))
        self._counted_at = now
        if state.scored and state.phase == "starting":
            state.phase = "catching up"
        before, self._waiting = self._waiting, state.transactions - state.scored - state.rejected
        if state.phase == "catching up" and before <= self._waiting <= self._caught_up_at:
            state.phase = "caught up"

    def _end(self, topic: str, partitions: int) -> int:
        return sum(
            self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=5, cached=False)[1]
            for number in range(partitions)
        )


class Demo:
    """One run; its folder holds settings, logs and checkpoint. The model stays in the laptop's store, for the next run."""

    def __init__(self, home: Path, broker: Broker, mode: str, rate: float, traffic: str, *, with_mail: bool = False) -> None:
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        self.folder = home / "demo" / name
        self.page = self.folder / "report.html"
        self._broker, self._rate, self._traffic = broker, rate, traffic
        self._mode, self._with_mail = mode, with_mail
        self._models = ModelStore(str(models_folder()), S3())
        self._metrics_port = free_port()
        self.state = State(mode=mode, metrics=f"http://{HOST}:{self._metrics_port}/metrics")
        # Topics of its own: what an earlier run left behind is not its business.
        self._topics = TopicNames().prefixed(f"demo-{name}.")

    def run(self, seconds: float | None, plain: bool) -> None:
        """Runs until Ctrl-C, SIGTERM or `seconds` after it went live; then stops all that it started.

        It is live once the detector has caught up with the history, and a model that has learnt from it scores: from the archive of
        what this detector has said.

        Raises:
            FraudDetectionError: broker, detector, producer, watcher, archiver or trainer ended early.
        """
        self.folder.mkdir(parents=True)
        out = Console()
        with ExitStack() as stack:
            stop = stack.enter_context(stop_signals())
            if not self._broker.running:
                stack.callback(self._broker.stop)
            connection = KafkaConnection(bootstrap_servers=self._broker.start())
            create_topics(connection, self._topics.specs(PARTITIONS))
            trained = self._has_champion()
            settings = self._write_settings(connection)

            def start(name: str, module: str, *arguments: str) -> Child:
                return stack.enter_context(running(name, self.folder, module, *arguments, "--config", str(settings[name])))

            children = [
                start("detector", "spark_jobs.detect_fraud"),
                start("producer", "producer", "run"),
                start("watcher", "watcher", f"--metrics.port={self._metrics_port}"),
                *([start("notifier", "notifier", "--metrics.port=0")] if self._with_mail else []),
            ]
            watch = Watch(connection, self._topics, self.state, self._rate)
            stack.callback(watch.close)

            work = {
                "archiving": partial(start, "archiver", "spark_jobs.archive_scored"),
                "training": partial(start, "trainer", "training.train_model"),
            }
            looks = self._looks(watch, children, {} if trained else work, stop, seconds)
            if plain:
                self._show_lines(looks)
            else:
                self._show_screen(looks, out)
        from local import page  # matplotlib takes a second, for which nobody waits at the start

        told = self._summary()
        page.write(self.page, self.state, told, models_folder())
        out.print(told, f"What the run showed, with pictures: {self.page}", sep="\n", highlight=False, soft_wrap=True)

    def _write_settings(self, connection: KafkaConnection) -> dict[str, Path]:
        common = {"kafka": {"bootstrap_servers": connection.bootstrap_servers}, "topics": asdict(self._topics)}
        store = self._models.place
        detector = {
            **common,
            "models": {"store": store, "poll": "1s"},
            **yaml.safe_load(RULES.read_text()),
            "trigger": {"mode": self._mode},
            "checkpoint": str(self.folder / "checkpoint"),
            "log_dir": str(self.folder),
            "stop_timeout": "10s",
        }
        producer = {
            **common,
            "traffic": self._traffic,
            "rate": self._rate,
            "clock": "replay",
            "start": (datetime.now(UTC) - WORLD_BEGAN).strftime("%Y-%m-%d"),
            "backfill": BACKFILL,
            "label_delay": LABEL_DELAY,
            "inline_labels": True,
        }
        lake = str(self.folder / "lake")
        archiver = {
            **common,
            "sinks": {"lake": {"type": "parquet", "path": lake}},
            "trigger": {"mode": "availableNow"},
            "checkpoint": str(self.folder / "archiver" / "checkpoint"),
            "log_dir": str(self.folder / "archiver"),
        }
        trainer = {**common, "data": lake, "label_delay": LABEL_DELAY, "store": store, "promote": True}
        trainer["log_dir"] = str(self.folder / "trainer")
        written = {}
        notifier = notifier_settings(self.folder, connection, self._topics)
        programs = {"detector": detector, "producer": producer, "watcher": common, "archiver": archiver, "trainer": trainer}
        programs |= {"notifier": notifier} if self._with_mail else {}
        for name, settings in programs.items():
            written[name] = self.folder / f"{name}.yaml"
            written[name].write_text(yaml.safe_dump(settings, sort_keys=False))
        return written

    def _has_champion(self) -> bool:
        """Returns whether a model scores from the start. One that the detector would refuse is champion no more."""
        try:
            champion = self._models.pointed("champion")
            if champion is not None:
                self._models.require_usable(champion.version)
        except (NoSuchModel, UnusableModel):
            self._models.clear("champion")
            return False
        return champion is not None

    def _show_lines(self, looks: Iterator[list[bytes]]) -> None:
        shown = 0.0
        mails: set[str] = set()
        for alerts in looks:
            for alert in alerts:
                sys.stdout.write(f"{PREFIX}{alert.decode()}\n")
            if self.state.seconds - shown >= STATUS_EVERY_S:
                shown = self.state.seconds
                sys.stdout.write(status_line(self.state) + "\n")
                new = {name: one for name, one in subjects(mailbox_of(self.folder)).items() if name not in mails}
                mails.update(new)
                sys.stdout.writelines(f"Mail => {subject}\n" for subject in new.values())
            sys.stdout.flush()

    def _show_screen(self, looks: Iterator[list[bytes]], out: Console) -> None:
        with Live(console=out, auto_refresh=False) as live:
            for _ in looks:
                live.update(screen(self.state, str(self.folder)), refresh=True)

    def _looks(
        self,
        watch: Watch,
        children: list[Child],
        work: Mapping[str, Callable[[], Child]],
        stop: threading.Event,
        seconds: float | None,
    ) -> Iterator[list[bytes]]:
        """Yields the alerts of each look, and takes the demo from one phase to the next.

        `work` has the phases between "caught up" and "live", one after the other, and what each of them starts and waits for.
        """
        coming: Iterator[tuple[str, Callable[[], Child] | None]] = iter(work.items())
        worker: Child | None = None
        began = 0.0
        while not stop.is_set():
            yield watch.look()
            for child in children:
                child.check()
            if self.state.phase == "caught up" or (worker is not None and worker.done()):
                self.state.phase, begin = next(coming, ("live", None))
                worker = begin() if begin else None
                if worker is None:
                    watch.go_live()
                    began = self.state.seconds
            if seconds is not None and self.state.phase == "live" and self.state.seconds - began >= seconds:
                return

    def _summary(self) -> str:
        state = self.state
        first = f"{state.first_alert_after:.0f} s after the start" if state.first_alert_after else "none came"
        return (
            f"\n{state.scored:,} payments scored, {state.alerts:,} alerts (the first {first}), {state.rejected:,} rejected; "
            f"payment to alert {state.latency()} ({state.mode}).\nModel: {state.model or 'none scored'}, in {self._models.place}\n"
            f"{self._mail_summary()}"
            f"Metrics, while it ran: {state.metrics}\n"
            f"Stopped. Logs, settings and checkpoint: {self.folder}"
        )

    def _mail_summary(self) -> str:
        folder = mailbox_of(self.folder)
        return f"Mail: {len(subjects(folder)):,} messages about the alerts, in {folder}\n" if self._with_mail else ""
