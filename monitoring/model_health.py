"""*Model health*: whether the model still holds, by what has become known since."""

from grafana_foundation_sdk.builders import dashboard

from monitoring.boards import Looks, board
from monitoring.panels import Panel, Told, bars, lines, listing, number, ranking, shares
from monitoring.queries import days, now, over_time, rows

MATURE = "A day appears once its labels have had seven days to come."
JUDGED = "`fraud models health` writes it."


def model_health() -> dashboard.Dashboard:
    """Returns the dashboard: days from the database, what scores now from Prometheus."""
    about = "Scores, drift, calibration, and precision and recall by what labels have said since."
    return board(
        "fraud-model-health", "Fraud: model health", about, Looks("90d", "5m"), (*_now(), *_scores(), *_matured(), *_judged())
    )


def _now() -> tuple[Panel, ...]:
    return (
        number(
            Told("Models in force", "Champion and challenger, as the detector's driver has found them in the model store.", "none"),
            over_time("max by (role, version) (fraud_model)", "{{role}}: {{version}}"),
        ),
        lines(
            Told("Scores now", "The median of the scores of an hour, and what one in ten and one in a hundred exceeds.", "none"),
            *(
                over_time(f"histogram_quantile({share}, sum by (le) (rate(fraud_watch_score_bucket[1h])))", name)
                for share, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
            ),
        ),
        ranking(
            Told(
                "Absent features",
                "Share of the payments of the last hour that lack a feature: the ten that are absent most often. "
                "One that was always there is a sender that has stopped to send a field.",
                "percentunit",
            ),
            now(
                """topk(10, sum by (feature) (increase(fraud_watch_absent_features_total[1h]))
                / scalar(sum(increase(fraud_watch_decisions_total[1h]))))""",
                "{{feature}}",
            ),
        ),
    )


def _scores() -> tuple[Panel, ...]:
    return (
        shares(
            Told(
                "Scores by day",
                "Shares of the payments of a day, by score. Payments are there for as long as the database keeps them.",
                "short",
            ),
            days(
                """SELECT day::timestamp AS time, band AS metric, sum(payments) AS value FROM scores_by_day
                WHERE $__timeFilter(day) GROUP BY day, band ORDER BY day, band"""
            ),
        ),
        lines(
            Told(
                "Champion against challenger",
                "Difference between the scores of both for one payment, without its sign: on average, and at the most.",
                "none",
            ),
            days(
                """SELECT day::timestamp AS time, challenger_version AS metric, mean_difference AS mean,
                largest_difference AS largest FROM challenger_by_day WHERE $__timeFilter(day) ORDER BY day"""
            ),
        ),
        bars(
            Told(
                "Rules that fired",
                "Alerts for which a rule fired, by day and rule. One that fires no more may be deleted.",
                "short",
            ),
            days(
                """SELECT day::timestamp AS time, rule AS metric, alerts AS value FROM alerts_by_rule
                WHERE $__timeFilter(day) ORDER BY day, rule"""
            ),
        ),
    )


def _matured() -> tuple[Panel, ...]:
    return (
        lines(
            Told(
                "Matured precision and recall",
                f"Share of alerts that were fraud, and share of frauds that had an alert, by day of payment. {MATURE}",
                "percentunit",
            ),
            days(
                """SELECT day::timestamp AS time, precision, recall FROM matured_quality
                WHERE $__timeFilter(day) ORDER BY day"""
            ),
        ),
        lines(
            Told(
                "Fraud among labels",
                "Share of fraud among labelled payments, by day of payment. "
                "A campaign shows here, and so does a source of labels that has failed.",
                "percentunit",
            ),
            days("SELECT day::timestamp AS time, share FROM fraud_share WHERE $__timeFilter(day) ORDER BY day"),
        ),
        lines(
            Told(
                "Matured card precision",
                f"Share of stolen cards among the hundred looked at in a day (CP@100). {MATURE} {JUDGED}",
                "percentunit",
            ),
            days(_judged_by("metric = 'card_precision'", "model_version")),
        ),
    )


def _judged() -> tuple[Panel, ...]:
    return (
        lines(
            Told(
                "Calibration",
                f"Calibration error (ECE) and Brier score by day: the lower, the better. {MATURE} {JUDGED}",
                "none",
            ),
            days(_judged_by("metric IN ('calibration_error', 'brier')", "metric")),
        ),
        bars(
            Told(
                "Features that drift",
                f"Features whose distribution is beyond its limit against training, by day. {JUDGED}",
                "short",
            ),
            days(
                """SELECT day::timestamp AS time, count(*) FILTER (WHERE breached) AS features FROM model_health
                WHERE $__timeFilter(day) AND feature <> '' GROUP BY day ORDER BY day"""
            ),
        ),
        lines(
            Told("Drift of scores", f"How far the scores of a day are from those of training, by model. {JUDGED}", "none"),
            days(_judged_by("metric = 'score_drift'", "model_version")),
        ),
        listing(
            Told(
                "Drift by feature",
                f"Of the last day that was judged, the twenty features that have drifted furthest towards their limit. {JUDGED}",
                "none",
            ),
            rows(
                """SELECT day, model_version, metric, feature, value, limit_value, breached FROM model_health
                WHERE feature <> '' AND day = (SELECT max(day) FROM model_health)
                ORDER BY breached DESC, value / nullif(limit_value, 0) DESC NULLS LAST LIMIT 20"""
            ),
        ),
    )


def _judged_by(chosen: str, name: str) -> str:
    told = f"SELECT day::timestamp AS time, {name} AS metric, value FROM model_health"  # noqa: S608 ours
    return f"{told} WHERE $__timeFilter(day) AND {chosen} ORDER BY day"
