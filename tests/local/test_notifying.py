"""The notifier beside a real broker and real servers: killed, kept waiting, turned away; nothing is lost, and no secret is told."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from configuration import KafkaConnection, TopicNames
from harness.dying_notifier import POINTS
from harness.kafka import send
from harness.notifier import SECRET, NotifierProcess, email, webhook
from harness.receiving import MailServer, Receiver, silent_server
from local.mail import mailbox_of, notifier_settings, subjects
from local.postgres import PostgresServer
from notifier.outbox import Outbox
from notifier.settings import PostgresOutbox
from tests.notified import killed, verified
from tests.outboxes import NOW, add, ids, sent, warned

Start = Callable[..., NotifierProcess]
AT_ONCE = 25


@pytest.fixture
def new(kafka: KafkaConnection, topics: TopicNames, tmp_path: Path) -> Iterator[Start]:
    """Returns a function that makes a notifier, which reads its topic from the beginning."""
    made: list[NotifierProcess] = []

    def make(**channels: dict[str, Any]) -> NotifierProcess:
        made.append(NotifierProcess(kafka, topics, tmp_path, channels))
        made[-1].begin_at_the_beginning()
        return made[-1]

    yield make
    for one in made:
        one.kill()


def test_nothing_is_lost_wherever_it_is_killed(new: Start, hook: Receiver, tmp_path: Path) -> None:
    """200 alerts; `make crashes` does it with 10,000."""
    killed(new(cases=webhook(tmp_path, hook, timeout="1s")), hook, [f"{point}:1" for point in POINTS], AT_ONCE)


def test_mail_and_webhook_say_the_same_and_no_secret_is_told(
    new: Start, hook: Receiver, post: MailServer, tmp_path: Path, kafka: KafkaConnection, topics: TopicNames
) -> None:
    notifier = new(cases=webhook(tmp_path, hook), desk=email(post.port))
    send(kafka.bootstrap_servers, topics.alerts, [(b"k", b"4111111111111111"), (b"k", None), (b"k", b"{}")])
    notifier.alert([warned(1, reasons=("card 4111 1111 1111 1111",), decision="decline"), warned(2, "4111111111111111")])
    notifier.start()
    hook.inbox.until(lambda found: len(found) == 2)
    post.inbox.until(lambda found: len(found) == 2)
    notifier.until(lambda: notifier.metric("fraud_notify_unreadable_total") == 3)
    assert notifier.metric("fraud_notify_alerts_total") == 2
    assert notifier.stop() == 0
    assert all(verified(one) for one in hook.inbox.all)
    assert {one["Message-ID"] for one in post.inbox.all} == {f"<a0000{number}.desk@example.com>" for number in (1, 2)}
    assert {one["Subject"] for one in post.inbox.all} == {
        "Fraud: decline of 12.50 EUR, card card-1",
        "Fraud: review of 12.50 EUR, card ...1111",
    }
    told = "".join(notifier.said) + (tmp_path / "notifier.yaml").read_text()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("outbox.db*")).decode(errors="replace")
    bodies = "".join(one.body.decode() for one in hook.inbox.all) + "".join(one.as_string() for one in post.inbox.all)
    for secret in (SECRET, "sesame", "411111", "4111 1111"):
        assert secret not in told
        assert secret not in kept
        assert secret not in bodies
    assert "reason=not_a_json_object" in told
    assert "reason=tombstone" in told


def test_a_service_of_apprise_gets_the_same_text(new: Start, hook: Receiver, tmp_path: Path) -> None:
    (tmp_path / "service").write_text(hook.url.replace("http:", "json:"))
    notifier = new(chat={"type": "service", "url_file": str(tmp_path / "service")})
    notifier.alert([warned(1), warned(2)])
    notifier.start()
    hook.inbox.until(lambda found: len(found) == 1)
    assert notifier.stop() == 0
    (got,) = hook.inbox.all
    told = json.loads(got.body)
    assert told["title"] == "Fraud: 2 alerts, card card-1, 25.00 EUR"
    assert "a00002" in told["message"]


def test_a_server_that_hangs_delays_no_other_channel(new: Start, hook: Receiver, tmp_path: Path) -> None:
    with silent_server() as port:
        notifier = new(desk=email(port, timeout="60s"), cases=webhook(tmp_path, hook))
        notifier.alert([warned(1)])
        notifier.start()
        for number in range(1, 6):
            hook.inbox.until(lambda _, number=number: len(hook.alerts) == number)  # type: ignore[misc]
            notifier.alert([warned(number + 1)])
        hook.inbox.until(lambda _: len(hook.alerts) == 6)
        assert notifier.metric('fraud_notify_tries_total{channel="desk",outcome="failed"}') == 0, "it still waits for the first"
        with urllib.request.urlopen(f"{notifier.address}/healthz") as answer:  # noqa: S310 http
            assert answer.status == 200
        notifier.kill()


def test_the_first_start_sends_what_comes_from_then_on(
    kafka: KafkaConnection, topics: TopicNames, tmp_path: Path, hook: Receiver
) -> None:
    notifier = NotifierProcess(kafka, topics, tmp_path, {"cases": webhook(tmp_path, hook)})
    notifier.alert([warned(1)])
    notifier.start(until="the first start")
    notifier.alert([warned(2)])
    hook.inbox.until(lambda found: len(found) == 1)
    assert notifier.stop() == 0
    assert hook.alerts == {"a00002"}
    other = NotifierProcess(kafka, topics, tmp_path, {"cases": webhook(tmp_path, hook)})
    notifier.start()
    other.start()
    assert notifier.wait() == 1, "a second notifier of its group has taken its place"
    assert "Another notifier works in the consumer group of this one" in notifier.said[-1]
    other.kill()


@pytest.fixture
def in_postgres(database: PostgresServer) -> PostgresOutbox:
    return PostgresOutbox.model_validate(database.settings)


def test_postgresql_does_what_sqlite_does(in_postgres: PostgresOutbox) -> None:
    outbox, other = Outbox(in_postgres), Outbox(in_postgres)
    outbox.make()
    other.make()
    add(outbox, NOW, *(warned(number) for number in range(3)), *(warned(number, f"card-{number}") for number in range(3, 40)))
    add(other, NOW, warned(1))
    first = sent(outbox, NOW)
    assert [one.kind for one in first] == ["alert"] * 9 + ["digest"]
    assert sum(len(one.notices) for one in first) == 40
    add(outbox, NOW + 70, warned(40))
    assert sent(other, NOW + 299) == []
    (update,) = sent(other, NOW + 300)
    assert (update.kind, update.thread, ids(update)) == ("update", first[0].id, ["a00040"])
    add(outbox, NOW + 400, warned(50, "card-50"))
    outbox.plan("desk", NOW + 400, group_s=0, per_minute=9)
    claimed = outbox.claim("desk", NOW + 400, lease_s=30)
    assert claimed is not None
    assert other.claim("desk", NOW + 400, lease_s=30) is None, "nobody else sends it meanwhile"
    outbox.again("desk", claimed.message.id, NOW + 405, "HTTP 503")
    assert outbox.state("desk", claimed.message.id) == ("waiting", "HTTP 503")
    outbox.gone("desk", "HTTP 410")
    assert sent(other, NOW + 500) == []
    assert [one["why"] for one in outbox.dead_messages()] == ["HTTP 410"]
    assert outbox.count("desk")[:3] == (0, 1, None)
    assert outbox.retry(None, NOW + 500) == 1
    outbox.add_test("desk", NOW + 500)
    assert [one.kind for one in sent(outbox, NOW + 500)] == ["test", "alert"]
    outbox.forget("desk", NOW + 10_000)
    assert outbox.channels() == []
    for one in (outbox, other):
        one.close()


def test_an_outbox_that_is_away_is_waited_for(new: Start, hook: Receiver, tmp_path: Path, database: PostgresServer) -> None:
    notifier = new(cases=webhook(tmp_path, hook))
    notifier.settings["outbox"] = {"type": "postgres", **database.settings}
    notifier.start()
    notifier.alert([warned(1)])
    hook.inbox.until(lambda _: len(hook.alerts) == 1)
    database.kill()
    notifier.alert([warned(2)])
    notifier.until(lambda: notifier.metric("fraud_notify_outbox_reachable") == 0)
    database.start()
    hook.inbox.until(lambda _: len(hook.alerts) == 2)
    assert notifier.stop() == 0, notifier.said
    assert database.password_file.read_text() not in "".join(notifier.said)


def test_the_mailbox_of_the_laptop(kafka: KafkaConnection, topics: TopicNames, tmp_path: Path) -> None:
    """What `fraud up --with mail` and `fraud demo --with mail` run."""
    notifier = NotifierProcess(kafka, topics, tmp_path, {})
    notifier.settings = {
        **notifier_settings(tmp_path, kafka, topics),
        "consumer_group": notifier.settings["consumer_group"],
        "metrics": {"port": 0},
    }
    notifier.begin_at_the_beginning()
    notifier.alert([warned(1), warned(2), warned(3, "card-2")])
    notifier.start()
    notifier.until(lambda: len(subjects(mailbox_of(tmp_path))) == 2)
    assert notifier.stop() == 0
    assert set(subjects(mailbox_of(tmp_path)).values()) == {
        "Fraud: 2 alerts, card card-1, 25.00 EUR",
        "Fraud: review of 12.50 EUR, card card-2",
    }
