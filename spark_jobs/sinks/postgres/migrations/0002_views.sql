-- Amounts of different currencies are never added up. Days are days in UTC, whatever the session's time zone.
-- DuckDB makes the same views over the lake, of this very text (local/lake/views.py): what is written here both have to understand.

CREATE VIEW alerts_per_minute AS
SELECT date_trunc('minute', "timestamp" AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS minute, decision, count(*) AS alerts
FROM alerts GROUP BY 1, 2;

CREATE VIEW amount_at_risk AS
SELECT ("timestamp" AT TIME ZONE 'UTC')::date AS day, currency, decision, count(*) AS alerts, sum(amount) AS amount
FROM alerts GROUP BY 1, 2, 3;

CREATE VIEW alerts_by_rule AS
SELECT ("timestamp" AT TIME ZONE 'UTC')::date AS day, rule, count(*) AS alerts
FROM alerts CROSS JOIN LATERAL unnest(rules) AS fired (rule) GROUP BY 1, 2;

CREATE VIEW alerts_by_reason AS
SELECT ("timestamp" AT TIME ZONE 'UTC')::date AS day, reason, count(*) AS alerts
FROM alerts CROSS JOIN LATERAL unnest(reasons) AS told (reason) GROUP BY 1, 2;

CREATE VIEW alerts_by_merchant AS
SELECT ("timestamp" AT TIME ZONE 'UTC')::date AS day, merchant, currency, count(*) AS alerts, sum(amount) AS amount
FROM alerts GROUP BY 1, 2, 3;

-- Of scored payments, and so for as long as these are kept.
CREATE VIEW alerts_by_country AS
SELECT (event_time AT TIME ZONE 'UTC')::date AS day, country,
    count(*) FILTER (WHERE decision <> 'approve') AS alerts, count(*) AS payments
FROM scored GROUP BY 1, 2;

CREATE VIEW alerts_by_channel AS
SELECT (event_time AT TIME ZONE 'UTC')::date AS day, channel,
    count(*) FILTER (WHERE decision <> 'approve') AS alerts, count(*) AS payments
FROM scored GROUP BY 1, 2;

CREATE VIEW last_alerts AS
SELECT * FROM alerts ORDER BY "timestamp" DESC LIMIT 100;

-- Of several labels of one payment the one that counts: the newest, and of equal ones that of the source that weighs most.
CREATE VIEW counting_labels AS
SELECT DISTINCT ON (transaction_id, card_id) *
FROM labels
ORDER BY transaction_id, card_id, labelled_at DESC,
    array_position(ARRAY['synthetic', 'analyst', 'customer', 'issuer', 'chargeback'], source) DESC NULLS LAST;

CREATE VIEW fraud_share AS
SELECT (event_time AT TIME ZONE 'UTC')::date AS day, count(*) AS labels, count(*) FILTER (WHERE is_fraud) AS frauds,
    avg(is_fraud::int) AS share
FROM counting_labels GROUP BY 1;

-- Payments whose labels have had seven days to come. One without a label was genuine.
CREATE VIEW matured_quality AS
WITH frauds AS (
    SELECT transaction_id, card_id, event_time FROM counting_labels WHERE is_fraud
), alerted AS (
    SELECT DISTINCT transaction_id, card_id, "timestamp" AS event_time FROM alerts
), joined AS (
    SELECT (coalesce(alerted.event_time, frauds.event_time) AT TIME ZONE 'UTC')::date AS day,
        alerted.transaction_id IS NOT NULL AS is_alert, frauds.transaction_id IS NOT NULL AS is_fraud
    FROM alerted FULL JOIN frauds USING (transaction_id, card_id)
)
SELECT day, count(*) FILTER (WHERE is_alert) AS alerts, count(*) FILTER (WHERE is_fraud) AS frauds,
    count(*) FILTER (WHERE is_alert AND is_fraud) AS caught,
    count(*) FILTER (WHERE is_alert AND is_fraud)::float8 / nullif(count(*) FILTER (WHERE is_alert), 0) AS precision,
    count(*) FILTER (WHERE is_alert AND is_fraud)::float8 / nullif(count(*) FILTER (WHERE is_fraud), 0) AS recall
FROM joined
WHERE day < (now() AT TIME ZONE 'UTC')::date - 7
GROUP BY day;

CREATE VIEW card_timeline AS
SELECT card_id, event_time AS at, 'payment' AS what, transaction_id, decision, amount, currency, merchant_id AS merchant, fraud_score
FROM scored
UNION ALL
SELECT card_id, "timestamp", 'alert', transaction_id, decision, amount, currency, merchant, fraud_score FROM alerts
UNION ALL
SELECT card_id, labelled_at, CASE WHEN is_fraud THEN 'label: fraud' ELSE 'label: genuine' END, transaction_id, NULL, NULL, NULL, NULL, NULL
FROM labels;
