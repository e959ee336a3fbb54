"""What a notifier's worker does with servers that turn it away, without Kafka and by a clock of its own."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from click.testing import Result
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from contract import Alert
from harness.notifier import email, webhook
from harness.receiving import MailServer, Receiver
from local.errors import NoChannel
from local.notify import app
from notifier.channels import channel
from notifier.metrics import NotifierMetrics
from notifier.outbox import Outbox
from notifier.settings import NotifierSettings
from notifier.worker import Worker
from tests.outboxes import NOW, add, warned


class Bench:
    """A worker without Kafka, by a clock of its own: `work` does all that is due."""

    def __init__(self, folder: Path, name: str, asked: dict[str, Any]) -> None:
        self.file = folder / "bench.yaml"
        outbox = {"type": "sqlite", "path": str(folder / "outbox.db")}
        self.file.write_text(yaml.safe_dump({"outbox": outbox, "channels": {name: asked}, "routes": [{"channels": [name]}]}))
        settings = NotifierSettings.load(["--config", str(self.file)], "tests")
        self.outbox, self.now, self.stop = Outbox(settings.outbox), NOW, threading.Event()
        self.outbox.make()
        self._name, chosen = name, settings.channels[name]
        metrics = NotifierMetrics(CollectorRegistry(), [name])
        self.worker = Worker(
            name, chosen, channel(name, chosen), Outbox(settings.outbox), metrics, 1e9, self.stop, clock=lambda: self.now
        )

    def add(self, *alerts: Alert) -> None:
        add(self.outbox, self.now, *alerts, channel=self._name)

    def work(self, seconds: float = 0) -> None:
        self.now += seconds
        while self.worker.work():
            pass


def test_a_webhook_that_is_turned_away_is_the_same_at_the_next_try(hook: Receiver, tmp_path: Path) -> None:
    bench = Bench(tmp_path, "cases", webhook(tmp_path, hook))
    hook.answers = lambda _: 503
    bench.add(warned(1))
    bench.work()
    bench.work(4.9)
    assert len(hook.inbox.all) == 1, "the first pause is five seconds or a little more"
    hook.answers = lambda _: 302
    bench.work(1.2)
    assert len(hook.inbox.all) == 2, "no redirect is followed"
    hook.answers = lambda _: 204
    bench.work(18.1)
    bench.work(1e6)
    assert len(hook.inbox.all) == 3
    assert len({(one.id, one.body) for one in hook.inbox.all}) == 1


def test_what_nobody_takes_for_a_day_and_a_half_is_given_up(hook: Receiver, tmp_path: Path) -> None:
    bench = Bench(tmp_path, "cases", webhook(tmp_path, hook))
    hook.answers = lambda _: 500
    bench.add(warned(1))
    for _ in range(20):
        bench.work(86_401)
    assert len(hook.inbox.all) == 11
    assert [(one["message_id"], one["tries"], one["why"]) for one in bench.outbox.dead_messages()] == [("a00001", 11, "HTTP 500")]


def test_a_mail_that_is_put_off_is_the_same_at_the_next_try(post: MailServer, tmp_path: Path) -> None:
    bench = Bench(tmp_path, "desk", email(post.port, recipients=["desk@example.com", "gone@example.com"]))
    post.answers = lambda _: "451 later"
    bench.add(warned(1))
    bench.work()
    assert bench.outbox.state("desk", "a00001") == ("waiting", "SMTP 451")
    post.answers = lambda _: "250 OK"
    post.refuses = {"gone@example.com"}
    bench.work(7)
    first, second = post.inbox.all
    assert first.as_bytes() == second.as_bytes()
    assert bench.outbox.state("desk", "a00001") == ("delivered", None), "the other recipient gets no copy more"


def test_what_a_library_did_not_foresee_costs_a_try_and_not_the_channel(
    hook: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, "cases", webhook(tmp_path, hook))
    bench.add(warned(1))
    with monkeypatch.context() as broken:
        broken.setattr("notifier.channels.webhook.payload", lambda _: {}["hunter2"])
        bench.work()
    assert bench.outbox.state("cases", "a00001") == ("waiting", "KeyError")
    bench.work(7)
    assert hook.alerts == {"a00001"}


def test_a_secret_that_is_gone_or_new_is_seen_at_the_next_try(hook: Receiver, tmp_path: Path) -> None:
    asked = webhook(tmp_path, hook)
    bench = Bench(tmp_path, "cases", asked)
    Path(asked["url_file"]).unlink()
    bench.add(warned(1))
    bench.work()
    assert bench.outbox.state("cases", "a00001")[0] == "waiting"
    Path(asked["url_file"]).write_text(hook.url)
    bench.work(7)
    assert hook.alerts == {"a00001"}


def test_a_receiver_that_is_gone_is_off_until_it_is_asked_for(hook: Receiver, tmp_path: Path) -> None:
    bench = Bench(tmp_path, "cases", webhook(tmp_path, hook))

    def fraud(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--config", str(bench.file)])

    hook.answers = lambda _: 410
    bench.add(warned(1), warned(2, "card-2"))
    bench.work()
    assert len(hook.inbox.all) == 1
    listed = fraud("list", "--json")
    assert listed.exit_code == 4
    assert [(one["kind"], one["alerts"], one["why"]) for one in json.loads(listed.output)["dead"]] == [("alert", 1, "HTTP 410")] * 2
    (one,) = json.loads(listed.output)["channels"]
    assert (one["channel"], one["dead"], one["gone"]) == ("cases", 2, "HTTP 410")
    assert "gone: HTTP 410" in fraud("list").output
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    bench.now = time.time() + 100  # what comes from the command is due
    bench.worker.start()
    refused = fraud("test", "cases", "--json")
    assert (refused.exit_code, json.loads(refused.output)["why"]) == (4, "HTTP 410")
    hook.answers = lambda _: 204
    assert json.loads(fraud("retry", "--json").output) == {"messages": 3}
    tested = fraud("test", "cases")
    assert (tested.exit_code, tested.output[:18]) == (0, "Delivered as test-")
    hook.inbox.until(lambda found: len(found) == 5)
    assert fraud("list").exit_code == 0
    assert isinstance(fraud("test", "nobody").exception, NoChannel)
    bench.stop.set()
    bench.worker.wake.set()
    bench.worker.join()
    assert sum(json.loads(one.body)["type"] == "fraud.test" for one in hook.inbox.all) == 2
