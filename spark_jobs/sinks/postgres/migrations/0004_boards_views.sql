-- What the dashboards ask of days (monitoring/), for DuckDB too, as 0002_views.sql says.

CREATE VIEW scores_by_day AS
SELECT (event_time AT TIME ZONE 'UTC')::date AS day, model_version,
    CASE
        WHEN fraud_score < 0.001 THEN '0.000 to 0.001'
        WHEN fraud_score < 0.01 THEN '0.001 to 0.010'
        WHEN fraud_score < 0.1 THEN '0.010 to 0.100'
        WHEN fraud_score < 0.5 THEN '0.100 to 0.500'
        WHEN fraud_score < 0.9 THEN '0.500 to 0.900'
        ELSE '0.900 to 1.000'
    END AS band,
    count(*) AS payments
FROM scored WHERE fraud_score IS NOT NULL GROUP BY 1, 2, 3;

-- Of payments that both have scored.
CREATE VIEW challenger_by_day AS
SELECT (event_time AT TIME ZONE 'UTC')::date AS day, model_version, challenger_version, count(*) AS payments,
    avg(abs(challenger_score - fraud_score)) AS mean_difference, max(abs(challenger_score - fraud_score)) AS largest_difference
FROM scored WHERE challenger_score IS NOT NULL AND fraud_score IS NOT NULL GROUP BY 1, 2, 3;

CREATE VIEW review_load AS
SELECT ("timestamp" AT TIME ZONE 'UTC')::date AS day, decision, count(*) AS alerts, count(DISTINCT card_id) AS cards
FROM alerts GROUP BY 1, 2;

-- Payments whose labels have had seven days to come, as in matured_quality. A label has no amount: that of a missed fraud is its
-- payment's, and unknown, without a currency, where that is not kept any more.
CREATE VIEW matured_money AS
WITH frauds AS (
    SELECT transaction_id, card_id, event_time FROM counting_labels WHERE is_fraud
), alerted AS (
    SELECT DISTINCT transaction_id, card_id, "timestamp" AS event_time, currency, amount FROM alerts
), judged AS (
    SELECT alerted.event_time, alerted.currency, alerted.amount, true AS is_alert, frauds.transaction_id IS NOT NULL AS is_fraud
    FROM alerted LEFT JOIN frauds USING (transaction_id, card_id)
    UNION ALL
    SELECT frauds.event_time, scored.currency, scored.amount, false, true
    FROM frauds LEFT JOIN alerted USING (transaction_id, card_id)
        LEFT JOIN scored ON scored.card_id = frauds.card_id AND scored.event_time = frauds.event_time
            AND scored.transaction_id = frauds.transaction_id
    WHERE alerted.transaction_id IS NULL
)
SELECT (event_time AT TIME ZONE 'UTC')::date AS day, currency,
    count(*) FILTER (WHERE is_alert AND is_fraud) AS caught,
    count(*) FILTER (WHERE NOT is_alert) AS missed,
    count(*) FILTER (WHERE NOT is_fraud) AS false_alarms,
    coalesce(sum(amount) FILTER (WHERE is_alert AND is_fraud), 0) AS caught_amount,
    coalesce(sum(amount) FILTER (WHERE NOT is_alert), 0) AS missed_amount,
    coalesce(sum(amount) FILTER (WHERE NOT is_fraud), 0) AS false_alarm_amount
FROM judged
WHERE (event_time AT TIME ZONE 'UTC')::date < (now() AT TIME ZONE 'UTC')::date - 7
GROUP BY 1, 2;
