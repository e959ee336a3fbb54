"""Where alerts wait until they are delivered. Each method is one transaction: a notifier that is killed has done it whole, or not.

The SQL is the same for SQLite and PostgreSQL; times are seconds since 1970. One alert has a row for each channel that it goes to.
A message that is at work is due again at the end of its lease: a notifier that is killed amid a try leaves it there, with its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

from notifier import notices
from notifier.database import Statements, database
from notifier.grouping import Planned, Waiting, plan
from notifier.messages import Message
from notifier.notices import Notice
from notifier.settings import PostgresOutbox, SqliteOutbox
from notifier.tables import TABLES

MINUTE_S = 60.0
LOOKED_AT = 5_000
"""Alerts that are planned at once."""


class Arrival(NamedTuple):
    """An alert for a channel."""

    channel: str
    notice: Notice
    appended: float
    """Kafka's timestamp of its record."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this program is to send now."""

    message: Message
    tries: int
    """This one included."""
    appended: float | None
    """Kafka's timestamp of its oldest alert; None of a test."""


class Count(NamedTuple):
    """What a channel has in the outbox."""

    waiting: int
    dead: int
    oldest: float | None
    """Since when the oldest alert waits that is in no message, or in one that is not delivered."""
    gone: str | None
    """Why the channel takes nothing any more; None where it does."""


class Outbox:
    """The outbox of one thread.

    Raises:
        UnusableOutbox: from each method, where the database does not take what is asked. Nothing of it is done then.
    """

    def __init__(self, asked: SqliteOutbox | PostgresOutbox) -> None:
        self._database = database(asked)

    def make(self) -> None:
        """Makes the tables that are missing."""
        with self._database.transaction(alone=True) as found:
            for statement in TABLES:
                found.run(statement.format(identity=self._database.identity))

    def close(self) -> None:
        """Ends the connection."""
        self._database.close()

    def add(self, arrivals: Sequence[Arrival], now: float) -> None:
        """Takes alerts; those that a channel has already are left as they are."""
        rows = [
            {
                "channel": one.channel,
                "alert_id": one.notice.alert_id,
                "card": one.notice.card,
                "arrived": now,
                "appended": one.appended,
                "notice": one.notice.json(),
            }
            for one in arrivals
        ]
        with self._database.transaction() as found:
            found.run_each(
                "INSERT INTO notifier_alerts (channel, alert_id, card, arrived, appended, notice)"
                " VALUES (:channel, :alert_id, :card, :arrived, :appended, :notice) ON CONFLICT (channel, alert_id) DO NOTHING",
                rows,
            )

    def plan(self, channel: str, now: float, *, group_s: float, per_minute: int) -> None:
        """Makes messages of the alerts that wait, as far as the channel's cap allows (`grouping.plan`)."""
        with self._database.transaction(alone=True) as found:
            rows = found.run(
                "SELECT a.place, a.alert_id, a.card, a.arrived, c.thread, c.until FROM notifier_alerts a"
                " LEFT JOIN notifier_cards c ON c.channel = a.channel AND c.card = a.card"
                " WHERE a.channel = :channel AND a.message_id IS NULL AND (c.until IS NULL OR c.until <= :now)"
                " ORDER BY a.place LIMIT :most",
                channel=channel,
                now=now,
                most=LOOKED_AT,
            )
            if not rows:
                return
            ((made,),) = found.run(
                "SELECT count(*) FROM notifier_messages WHERE channel = :channel AND since > :minute AND kind <> 'test'",
                channel=channel,
                minute=now - MINUTE_S,
            )
            for one in plan([Waiting(*row) for row in rows], per_minute - made, grouped=group_s > 0):
                _make(found, channel, one, now)
                if one.kind == "alert" and group_s > 0:
                    _gather(found, channel, one, now + group_s)

    def claim(self, channel: str, now: float, lease_s: float) -> Claimed | None:
        """Returns the message that is due first, and keeps it from being due again before the lease ends; None where none is due.

        Of a channel that takes nothing any more all that waits is dead afterwards.
        """
        with self._database.transaction() as found:
            for (why,) in found.run("SELECT why FROM notifier_gone WHERE channel = :channel", channel=channel):
                _bury(found, channel, why)
            rows = found.run(
                "UPDATE notifier_messages SET tries = tries + 1, due = :lease WHERE channel = :channel AND state = 'waiting'"
                " AND due <= :now AND message_id = (SELECT message_id FROM notifier_messages WHERE channel = :channel"
                " AND state = 'waiting' AND due <= :now ORDER BY due, place LIMIT 1)"
                " RETURNING message_id, thread, kind, since, tries",
                channel=channel,
                now=now,
                lease=now + lease_s,
            )
            if not rows:
                return None
            ((message_id, thread, kind, since, tries),) = rows
            alerts = found.run(
                "SELECT notice, appended FROM notifier_alerts WHERE channel = :channel AND message_id = :message ORDER BY place",
                channel=channel,
                message=message_id,
            )
        told = tuple(notices.from_json(text) for text, _ in alerts)
        appended = min((appended for _, appended in alerts), default=None)
        return Claimed(Message(message_id, thread, kind, since, told), tries, appended)

    def delivered(self, channel: str, message_id: str) -> None:
        """A server has taken the message."""
        self._update(channel, message_id, "state = 'delivered', why = NULL")

    def dead(self, channel: str, message_id: str, why: str) -> None:
        """The message is given up, until somebody asks for it."""
        self._update(channel, message_id, "state = 'dead', why = :why", why=why)

    def again(self, channel: str, message_id: str, due: float, why: str) -> None:
        """The message has failed, and is due again then."""
        self._update(channel, message_id, "due = :due, why = :why", due=due, why=why)

    def gone(self, channel: str, why: str) -> None:
        """The channel takes nothing any more: what waits for it is dead, and so is what comes, until somebody asks for it."""
        with self._database.transaction() as found:
            found.run(
                "INSERT INTO notifier_gone VALUES (:channel, :why) ON CONFLICT (channel) DO NOTHING", channel=channel, why=why
            )
            _bury(found, channel, why)

    def count(self, channel: str) -> Count:
        """Returns what a channel has in the outbox."""
        with self._database.transaction() as found:
            states: dict[str, int] = dict(
                found.run(
                    "SELECT state, count(*) FROM notifier_messages"
                    " WHERE channel = :channel AND state <> 'delivered' GROUP BY state",
                    channel=channel,
                )
            )
            ((oldest,),) = found.run(
                "SELECT min(a.arrived) FROM notifier_alerts a LEFT JOIN notifier_messages m"
                " ON m.channel = a.channel AND m.message_id = a.message_id"
                " WHERE a.channel = :channel AND (a.message_id IS NULL OR m.state = 'waiting')",
                channel=channel,
            )
            gone = found.run("SELECT why FROM notifier_gone WHERE channel = :channel", channel=channel)
        return Count(states.get("waiting", 0), states.get("dead", 0), oldest, gone[0][0] if gone else None)

    def channels(self) -> list[str]:
        """Returns the channels for which there is anything, in order; some may be in nobody's settings any more."""
        with self._database.transaction() as found:
            rows = found.run("SELECT channel FROM notifier_alerts UNION SELECT channel FROM notifier_messages ORDER BY channel")
        return [name for (name,) in rows]

    def dead_messages(self) -> list[dict[str, Any]]:
        """Returns the messages that were given up, the oldest first."""
        names = ("channel", "message_id", "kind", "since", "tries", "why", "alerts")
        with self._database.transaction() as found:
            rows = found.run(
                "SELECT m.channel, m.message_id, m.kind, m.since, m.tries, m.why, (SELECT count(*) FROM notifier_alerts a"
                " WHERE a.channel = m.channel AND a.message_id = m.message_id)"
                " FROM notifier_messages m WHERE m.state = 'dead' ORDER BY m.since, m.place"
            )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def retry(self, channel: str | None, now: float) -> int:
        """Makes dead messages due now, of one channel or of all, which take messages again; returns how many."""
        with self._database.transaction() as found:
            found.run("DELETE FROM notifier_gone WHERE :channel = '' OR channel = :channel", channel=channel or "")
            rows = found.run(
                "UPDATE notifier_messages SET state = 'waiting', tries = 0, due = :now, why = NULL WHERE state = 'dead'"
                " AND (:channel = '' OR channel = :channel) RETURNING message_id",
                channel=channel or "",
                now=now,
            )
        return len(rows)

    def add_test(self, channel: str, now: float) -> str:
        """Adds a message that is about no alert; returns its id."""
        message_id = f"test-{uuid4().hex}"
        with self._database.transaction() as found:
            _insert(found, channel, message_id, message_id, "test", 0, now)
        return message_id

    def state(self, channel: str, message_id: str) -> tuple[str, str | None]:
        """Returns the state of a message, `waiting`, `delivered` or `dead`, and why its last try failed."""
        with self._database.transaction() as found:
            ((state, why),) = found.run(
                "SELECT state, why FROM notifier_messages WHERE channel = :channel AND message_id = :message",
                channel=channel,
                message=message_id,
            )
        return state, why

    def forget(self, channel: str, before: float) -> None:
        """Removes what was made before and waits no more."""
        with self._database.transaction() as found:
            found.run(
                "DELETE FROM notifier_messages WHERE channel = :channel AND state <> 'waiting' AND since < :before",
                channel=channel,
                before=before,
            )
            found.run(
                "DELETE FROM notifier_alerts WHERE channel = :channel AND message_id IS NOT NULL AND arrived < :before"
                " AND NOT EXISTS (SELECT 1 FROM notifier_messages m"
                " WHERE m.channel = :channel AND m.message_id = notifier_alerts.message_id)",
                channel=channel,
                before=before,
            )
            found.run("DELETE FROM notifier_cards WHERE channel = :channel AND until < :before", channel=channel, before=before)

    def _update(self, channel: str, message_id: str, what: str, **values: Any) -> None:
        with self._database.transaction() as found:
            found.run(
                f"UPDATE notifier_messages SET {what} WHERE channel = :channel AND message_id = :message",  # noqa: S608 ours
                channel=channel,
                message=message_id,
                **values,
            )


def _make(found: Statements, channel: str, one: Planned, now: float) -> None:
    _insert(found, channel, one.id, one.thread, one.kind, one.alerts[0].place, now)
    found.run_each(
        "UPDATE notifier_alerts SET message_id = :message WHERE place = :place",
        [{"message": one.id, "place": alert.place} for alert in one.alerts],
    )


def _gather(found: Statements, channel: str, one: Planned, until: float) -> None:
    found.run(
        "INSERT INTO notifier_cards (channel, card, thread, until) VALUES (:channel, :card, :thread, :until)"
        " ON CONFLICT (channel, card) DO UPDATE SET thread = excluded.thread, until = excluded.until",
        channel=channel,
        card=one.alerts[0].card,
        thread=one.thread,
        until=until,
    )


def _insert(found: Statements, channel: str, message_id: str, thread: str, kind: str, place: int, now: float) -> None:
    found.run(
        "INSERT INTO notifier_messages (channel, message_id, thread, kind, state, place, since, due)"
        " VALUES (:channel, :message, :thread, :kind, 'waiting', :place, :now, :now)",
        channel=channel,
        message=message_id,
        thread=thread,
        kind=kind,
        place=place,
        now=now,
    )


def _bury(found: Statements, channel: str, why: str) -> None:
    found.run(
        "UPDATE notifier_messages SET state = 'dead', why = :why WHERE channel = :channel AND state = 'waiting'",
        channel=channel,
        why=why,
    )
