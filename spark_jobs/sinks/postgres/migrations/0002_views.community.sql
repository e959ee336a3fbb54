-- Counted once and kept, in place of at each question: what dashboards ask of many rows. Newer rows than the last refresh are counted
-- at the question; what comes late is in it ten minutes later. No offset at the start: what is dropped from a table goes from here too.

DROP VIEW alerts_per_minute, alerts_by_country, alerts_by_channel;

CREATE MATERIALIZED VIEW alerts_per_minute WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 minute', "timestamp") AS minute, decision, count(*) AS alerts
FROM alerts GROUP BY 1, 2 WITH NO DATA;

CREATE MATERIALIZED VIEW payments_per_hour WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 hour', event_time) AS hour, country, channel,
    count(*) FILTER (WHERE decision <> 'approve') AS alerts, count(*) AS payments
FROM scored GROUP BY 1, 2, 3 WITH NO DATA;

CREATE VIEW alerts_by_country AS
SELECT (hour AT TIME ZONE 'UTC')::date AS day, country, sum(alerts)::bigint AS alerts, sum(payments)::bigint AS payments
FROM payments_per_hour GROUP BY 1, 2;

CREATE VIEW alerts_by_channel AS
SELECT (hour AT TIME ZONE 'UTC')::date AS day, channel, sum(alerts)::bigint AS alerts, sum(payments)::bigint AS payments
FROM payments_per_hour GROUP BY 1, 2;

SELECT add_continuous_aggregate_policy('alerts_per_minute',
    start_offset => NULL, end_offset => INTERVAL '10 minutes', schedule_interval => INTERVAL '10 minutes');
SELECT add_continuous_aggregate_policy('payments_per_hour',
    start_offset => NULL, end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '10 minutes');

-- Compressed once hardly any row comes that late: a row that does costs the decompression of its card's batch.
ALTER TABLE scored SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'card_id', timescaledb.orderby = 'event_time DESC');
ALTER TABLE alerts SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'card_id', timescaledb.orderby = '"timestamp" DESC');
ALTER TABLE labels SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'card_id', timescaledb.orderby = 'labelled_at DESC');
CALL add_columnstore_policy('scored', after => INTERVAL '3 days');
CALL add_columnstore_policy('alerts', after => INTERVAL '60 days');
CALL add_columnstore_policy('labels', after => INTERVAL '60 days');
