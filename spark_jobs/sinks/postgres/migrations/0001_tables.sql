-- What analysts, dashboards and cases read. Texts that are indexed are cut to 500 characters by the archiver, as an index takes no
-- more; `key` is the digest of the whole ones, so that nothing is taken for another. Partitions are made as days come, and dropped whole.

CREATE TABLE scored (
    event_time timestamptz NOT NULL,
    key bytea NOT NULL,
    transaction_id text NOT NULL,
    card_id text NOT NULL,
    customer_id text NOT NULL,
    terminal_id text NOT NULL,
    merchant_id text NOT NULL,
    merchant_category text NOT NULL,
    amount numeric NOT NULL,
    currency text NOT NULL,
    channel text NOT NULL,
    country text NOT NULL,
    response_code text NOT NULL,
    transaction_type text,
    billing_amount numeric,
    billing_currency text,
    merchant_country text,
    device_id text,
    decision text NOT NULL,
    rules text[] NOT NULL,
    ruleset_version text NOT NULL,
    fraud_score double precision,
    model_version text,
    challenger_score double precision,
    challenger_version text,
    PRIMARY KEY (event_time, key)
) PARTITION BY RANGE (event_time);
CREATE INDEX scored_by_card ON scored (card_id, event_time DESC);
CREATE INDEX scored_by_terminal ON scored (terminal_id, event_time DESC);

CREATE TABLE alerts (
    "timestamp" timestamptz NOT NULL,
    key bytea NOT NULL,
    alert_id text NOT NULL,
    transaction_id text NOT NULL,
    user_id text NOT NULL,
    decision text NOT NULL,
    reasons text[] NOT NULL,
    rules text[] NOT NULL,
    card_id text NOT NULL,
    amount numeric NOT NULL,
    currency text NOT NULL,
    merchant text NOT NULL,
    ruleset_version text NOT NULL,
    fraud_score double precision,
    model_version text,
    contributions jsonb,
    PRIMARY KEY ("timestamp", key)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX alerts_by_card ON alerts (card_id, "timestamp" DESC);

CREATE TABLE labels (
    labelled_at timestamptz NOT NULL,
    key bytea NOT NULL,
    transaction_id text NOT NULL,
    card_id text NOT NULL,
    terminal_id text NOT NULL,
    event_time timestamptz NOT NULL,
    is_fraud boolean NOT NULL,
    scenario text,
    campaign_id text,
    source text,
    labelled_by text,
    PRIMARY KEY (labelled_at, key)
) PARTITION BY RANGE (labelled_at);
CREATE INDEX labels_by_card ON labels (card_id, event_time DESC);
