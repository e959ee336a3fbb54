"""*Live*: what happens now, in ten minutes, anew every five seconds."""

from grafana_foundation_sdk.builders import dashboard

from monitoring.boards import Looks, board
from monitoring.panels import Panel, Told, bars, columns, lines, listing, ranking, shares
from monitoring.queries import now, over_time, rows

STORED = "It comes from the database, and is as new as the archiver's trigger.interval, a minute by default."


def live() -> dashboard.Dashboard:
    """Returns the dashboard. The watcher's metrics are new every second, whatever the detector's mode."""
    about = "Payments, alerts and reasons of the last ten minutes, from the watcher's metrics and from the database."
    return board("fraud-live", "Fraud: live", about, Looks("10m", "5s"), (*_flow(), *_places(), *_stored()))


def _flow() -> tuple[Panel, ...]:
    return (
        lines(
            Told(
                "Payments a second",
                "Payments that came, and payments that got a decision. Where the lines part, payments wait or are rejected.",
                "cps",
            ),
            over_time("sum(rate(fraud_watch_in_records_total[$__rate_interval]))", "came"),
            over_time("sum(rate(fraud_watch_decisions_total[$__rate_interval]))", "decided"),
        ),
        lines(
            Told("Alerts a second", "Decisions that are not approve. A jump is an attack, or a rule that is wrong.", "cps"),
            over_time(
                'sum by (decision) (rate(fraud_watch_decisions_total{decision!="approve"}[$__rate_interval]))', "{{decision}}"
            ),
        ),
        lines(
            Told(
                "Payment to alert",
                "Time from Kafka's timestamp of a payment to that of its alert: the median, and what one in a hundred exceeds.",
                "s",
            ),
            *(over_time(_slowest(share), name) for share, name in ((0.5, "p50"), (0.99, "p99"))),
        ),
        shares(
            Told("Decisions", "Shares of approve, review and decline among the payments decided.", "cps"),
            over_time("sum by (decision) (rate(fraud_watch_decisions_total[$__rate_interval]))", "{{decision}}"),
        ),
        lines(
            Told(
                "Without a result",
                "For how long payments have waited without any result. "
                "It is 0 where each has its own, and grows where the detector stands still.",
                "s",
            ),
            over_time("max(fraud_watch_oldest_unscored_seconds)", "waiting"),
        ),
        bars(
            Told(
                "Dead letters a second",
                "Records that could not be scored, by reason code. The runbook says what each means.",
                "cps",
            ),
            over_time("sum by (reason) (rate(fraud_watch_rejected_total[$__rate_interval]))", "{{reason}}"),
        ),
    )


def _places() -> tuple[Panel, ...]:
    return (
        ranking(
            Told("Rules that fired", "Payments for which a rule fired, by rule: the ten that fired most often.", "short"),
            now("topk(10, sum by (rule) (increase(fraud_watch_rule_hits_total[$__range])))", "{{rule}}"),
        ),
        ranking(
            Told("Alerts by channel", "Decisions that are not approve, by channel.", "short"),
            now('sum by (channel) (increase(fraud_watch_channel_decisions_total{decision!="approve"}[$__range]))', "{{channel}}"),
        ),
        columns(
            Told("Alerts by country", f"The ten countries with most alerts. {STORED}", "short"),
            rows(
                """SELECT country, count(*) AS alerts FROM scored WHERE $__timeFilter(event_time) AND decision <> 'approve'
                GROUP BY country ORDER BY alerts DESC, country LIMIT 10"""
            ),
        ),
    )


def _stored() -> tuple[Panel, ...]:
    return (
        columns(
            Told("Amount at risk", f"Sum of the amounts of alerts, by currency and decision. {STORED}", "none"),
            rows(
                """SELECT currency || ' ' || decision AS currency, sum(amount) AS amount FROM alerts
                WHERE $__timeFilter("timestamp") GROUP BY currency, decision ORDER BY amount DESC LIMIT 10"""
            ),
            width=12,
        ),
        columns(
            Told("Alerts by merchant", f"The ten merchants with most alerts. {STORED}", "short"),
            rows(
                """SELECT merchant, count(*) AS alerts FROM alerts WHERE $__timeFilter("timestamp")
                GROUP BY merchant ORDER BY alerts DESC, merchant LIMIT 10"""
            ),
            width=12,
        ),
        listing(
            Told(
                "Last alerts",
                f"The newest alerts, whatever time is shown, and why each was given. A card stands as its token. {STORED}",
                "none",
            ),
            rows(
                """SELECT "timestamp" AS time, decision, fraud_score, amount, currency, merchant, card_id,
                array_to_string(reasons, '; ') AS reasons FROM last_alerts ORDER BY "timestamp" DESC LIMIT 20"""
            ),
        ),
    )


def _slowest(share: float) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate(fraud_watch_alert_latency_seconds_bucket[$__rate_interval])))"
