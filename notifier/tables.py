"""The outbox's tables. `{identity}` is how a database numbers rows by itself."""

TABLES = (
    """CREATE TABLE IF NOT EXISTS notifier_alerts (
        place {identity}, channel text NOT NULL, alert_id text NOT NULL, card text NOT NULL, arrived double precision NOT NULL,
        appended double precision NOT NULL, notice text NOT NULL, message_id text, UNIQUE (channel, alert_id))""",
    """CREATE TABLE IF NOT EXISTS notifier_messages (
        channel text NOT NULL, message_id text NOT NULL, thread text NOT NULL, kind text NOT NULL, state text NOT NULL,
        place bigint NOT NULL, since double precision NOT NULL, due double precision NOT NULL, tries integer NOT NULL DEFAULT 0,
        why text, PRIMARY KEY (channel, message_id))""",
    """CREATE TABLE IF NOT EXISTS notifier_cards (
        channel text NOT NULL, card text NOT NULL, thread text NOT NULL, until double precision NOT NULL,
        PRIMARY KEY (channel, card))""",
    "CREATE TABLE IF NOT EXISTS notifier_gone (channel text PRIMARY KEY, why text NOT NULL)",
    "CREATE INDEX IF NOT EXISTS notifier_alerts_wait ON notifier_alerts (channel, place) WHERE message_id IS NULL",
    "CREATE INDEX IF NOT EXISTS notifier_alerts_sent ON notifier_alerts (channel, message_id)",
    "CREATE INDEX IF NOT EXISTS notifier_messages_due ON notifier_messages (channel, due, place) WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS notifier_messages_since ON notifier_messages (channel, since)",
)
