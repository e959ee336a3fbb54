"""What the notifier says, and to whom it refuses to speak: bodies without card numbers, settings and files of no use."""

import json
import re
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from apprise.plugins.pagerduty import NotifyPagerDuty

from configuration import InvalidSettings
from contract import Alert, ContractError, encode
from notifier.channels import channel
from notifier.channels.email import mail
from notifier.channels.webhook import payload
from notifier.errors import UnusableChannel
from notifier.messages import Message, body, subject
from notifier.notices import notice, plain, read
from notifier.outbox import Outbox
from notifier.settings import MailboxSettings, NotifierSettings, ServiceSettings, SqliteOutbox, WebhookSettings
from tests.outboxes import CHANNEL, NOW, add, sent, warned

CARD_NUMBER = "4111 1111 1111 1111"


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    found = Outbox(SqliteOutbox(path=tmp_path / "outbox.db"))
    found.make()
    return found


HOSTILE = {
    "card_id": CARD_NUMBER.replace(" ", ""),
    "transaction_id": f"12 {CARD_NUMBER}",
    "merchant": "5555-5555-5555-4444",
    "reasons": (f"paid with {CARD_NUMBER}\r\nBcc: everybody@example.com", "\x1b[31mred", "x" * 5_000),
    "currency": "E\nU",
    "rules": ("4111111111111111",) * 50,
}


def messages_about(*alerts: Alert) -> Message:
    return Message("a00001", "a00001", "digest" if len(alerts) > 1 else "alert", NOW, tuple(map(notice, alerts)))


@pytest.mark.parametrize("count", [1, 2, 40])
def test_no_card_number_and_no_line_of_the_sender_leaves(count: int, outbox: Outbox) -> None:
    alerts = [warned(number, **HOSTILE) for number in range(count)]
    message = messages_about(*alerts)
    sent_mail = mail(message, CHANNEL, "fraud@example.com", ["desk@example.com"]).as_bytes()
    texts = [subject(message), body(message), payload(message), message_from_bytes(sent_mail, policy=policy.default).as_string()]
    add(outbox, NOW, *alerts)
    texts += [one.json() for kept in sent(outbox, NOW) for one in kept.notices]
    for text in texts:
        assert not re.search(r"4[ -]?(1[ -]?){11}|(5[ -]?){12}", text)
        assert "\x1b" not in text
        assert len(text) < 60_000
    assert "\n" not in subject(message)
    assert message_from_bytes(sent_mail)["Bcc"] is None
    assert "...1111" in body(message)


def test_a_token_and_numbers_that_are_no_cards_stay() -> None:
    for text in ("2bcf68e1f466b7a5", "n114160", "1234567890123456", "2026-07-10 19:14:12 +00:00"):
        assert plain(text) == text
    assert plain("9999999999999995", is_token=True) == "...9995", "a network that nobody knows"


def test_a_mail_is_the_same_at_every_try_and_an_update_answers_its_first_message() -> None:
    first = messages_about(read(encode(warned(1))))
    update = Message("a00002", "a00001", "update", NOW, (notice(warned(2)),))
    mails = [mail(one, CHANNEL, "fraud@example.com", ["desk@example.com", "head@example.com"]) for one in (first, first, update)]
    assert mails[0].as_bytes() == mails[1].as_bytes()
    assert mails[0]["Message-ID"] == "<a00001.desk@example.com>"
    assert mails[2]["In-Reply-To"] == mails[2]["References"] == "<a00001.desk@example.com>"
    assert mails[0]["Subject"] == "Fraud: review of 12.50 EUR, card card-1"
    assert mails[2]["Subject"] == "Fraud: 1 alert more, card card-1, 12.50 EUR"


def test_a_digest_adds_up_and_says_how_many_it_does_not_show() -> None:
    alerts = [warned(number, f"card-{number % 3}", currency="USD" if number % 5 == 0 else "EUR") for number in range(25)]
    message = messages_about(*alerts)
    assert subject(message) == "Fraud: 25 alerts of 3 cards, 250.00 EUR, 62.50 USD"
    assert body(message).startswith("25 alerts: 25 review.\nAmounts: 250.00 EUR, 62.50 USD.\nRules: over (25).\n")
    assert "And 5 alerts more" in body(message)


def test_a_webhook_has_the_contracts_names() -> None:
    told = json.loads(payload(messages_about(replace(warned(1), fraud_score=0.25))))
    assert (told["type"], told["timestamp"], told["data"]["message_id"]) == ("fraud.alert", "2027-01-15T08:00:00.000Z", "a00001")
    (one,) = told["data"]["alerts"]
    known = json.loads(encode(replace(warned(1), fraud_score=0.25)))
    assert one.keys() <= known.keys()
    assert {name: one[name] for name in ("alert_id", "card_id", "amount", "fraud_score", "reasons", "rules")} == {
        name: known[name] for name in ("alert_id", "card_id", "amount", "fraud_score", "reasons", "rules")
    }
    assert "user_id" not in one


@pytest.mark.parametrize("alert_id", ["a\r\nBcc: x", "", "ä", "x" * 200])
def test_an_alert_id_that_cannot_stand_in_a_header_is_refused(alert_id: str) -> None:
    with pytest.raises(ContractError):
        read(encode(warned(1, alert_id=alert_id)))


def load(home: Path, text: str) -> NotifierSettings:
    (home / "notifier.yaml").write_text(text)
    return NotifierSettings.load(["--config", "notifier.yaml"], "python -m notifier")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("routes: [{channels: [desk]}]", "`channels`"),
        ("channels: {box: {type: mailbox, path: x}}", "`routes`"),
        (
            "channels: {box: {type: mailbox, path: x}}\nroutes: [{channels: [bx]}]",
            "routes name bx, and `channels` has no such channel",
        ),
        (
            "channels: {box: {type: mailbox, path: x}, b: {type: mailbox, path: x}}\nroutes: [{channels: [b]}]",
            "no route leads to the channel box",
        ),
        ("channels: {box: {type: mailbox, pth: x}}\nroutes: [{channels: [box]}]", "the nearest name is `path`"),
        (
            "channels: {m: {type: email, host: h, sender: a@b, recipients: [c@d], username: hunter2}}\nroutes: [{channels: [m]}]",
            "username and password_file belong together",
        ),
        (
            "channels: {m: {type: email, host: h, sender: a@b, recipients: [c@d], username: u, password_file: hunter2,"
            " security: none}}\nroutes: [{channels: [m]}]",
            "the password would travel in plain text",
        ),
        (
            "channels: {m: {type: webhook, url: 'https://hunter2'}}\nroutes: [{channels: [m]}]",
            "`channels.m.webhook.url` is not a setting",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(home: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load(home, text)
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "secret", "told"),
    [
        (None, "whsec_aaaa", "cannot be read: No such file"),
        ("", "whsec_aaaa", "is empty"),
        ("hunter2.example", "whsec_aaaa", "holds no URL of http or https"),
        ("https://example.com/hunter2", "whsec_", "holds no secret"),
        ("https://example.com/hunter2", "hunter2!!!é", "holds no secret"),
    ],
)
def test_a_file_of_no_use_is_named_and_not_shown(home: Path, url: str | None, secret: str, told: str) -> None:
    for name, text in (("url", url), ("secret", secret)):
        if text is not None:
            (home / name).write_text(text)
    with pytest.raises(UnusableChannel) as caught:
        channel("cases", WebhookSettings(url_file=Path("url"), secret_file=Path("secret")))
    assert told in str(caught.value)
    assert "Channel cases" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [("hunter2://nobody", "no URL that Apprise knows"), ("mailto://user:hunter2@example.com", "Use type email")],
)
def test_a_service_that_apprise_cannot_reach_is_refused(home: Path, url: str, told: str) -> None:
    (home / "url").write_text(url)
    with pytest.raises(UnusableChannel, match=told) as caught:
        channel("chat", ServiceSettings(url_file=Path("url")))
    assert "hunter2" not in str(caught.value)


def test_a_pager_knows_a_repeat_and_joins_an_update_to_its_incident(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str | None] = []
    monkeypatch.setattr(NotifyPagerDuty, "send", lambda self, **_: keys.append(self.dedup) or True)
    (home / "url").write_text(f"pagerduty://{'a' * 32}@{'b' * 20}")
    pager = channel("pager", ServiceSettings(url_file=Path("url")))
    update = Message("a00002", "a00001", "update", NOW, (notice(warned(2)),))
    for one in (messages_about(warned(1)), messages_about(warned(1)), update):
        pager.send(one)
    assert keys == ["a00001"] * 3
    assert "bbbb" not in pager.url  # type: ignore[attr-defined]


def test_a_mailbox_is_a_maildir(tmp_path: Path) -> None:
    channel("box", MailboxSettings(path=tmp_path / "some" / "where")).send(messages_about(warned(1)))
    (file,) = (tmp_path / "some" / "where" / "new").iterdir()
    assert message_from_bytes(file.read_bytes())["Subject"] == "Fraud: review of 12.50 EUR, card card-1"
