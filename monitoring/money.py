"""*Money*: what was caught, what was missed, and what it cost people to look, by day of payment."""

from grafana_foundation_sdk.builders import dashboard

from monitoring.boards import Looks, board
from monitoring.panels import Panel, Told, bars, lines, listing
from monitoring.queries import Query, days, rows

MATURE = "A day appears once its labels have had seven days to come."
KEPT = "A missed payment's amount is known while the database keeps the payment: set `retention.scored` to 30d or more."


def money() -> dashboard.Dashboard:
    """Returns the dashboard. Amounts of different currencies are never added up."""
    about = "Caught, missed and false alarms in money and in numbers, and the load of those who review."
    return board("fraud-money", "Fraud: money", about, Looks("90d", "5m"), (*_amounts(), *_numbers(), *_load()))


def _amounts() -> tuple[Panel, ...]:
    return (
        bars(Told("Caught", f"Amounts of frauds that had an alert, by currency. {MATURE}", "none"), _by_currency("caught_amount")),
        bars(
            Told("Missed", f"Amounts of frauds that had none, by currency. {MATURE} {KEPT}", "none"), _by_currency("missed_amount")
        ),
        bars(
            Told("False alarms", f"Amounts of genuine payments that had an alert, by currency. {MATURE}", "none"),
            _by_currency("false_alarm_amount"),
        ),
    )


def _numbers() -> tuple[Panel, ...]:
    return (
        bars(
            Told("Caught, missed, false alarms", f"The same in numbers of payments. {MATURE}", "short"),
            days(
                """SELECT day::timestamp AS time, caught, frauds - caught AS missed, alerts - caught AS "false alarms"
                FROM matured_quality WHERE $__timeFilter(day) ORDER BY day"""
            ),
        ),
        lines(
            Told(
                "Share of the money caught",
                f"Caught amount, of caught and missed together, by currency. {MATURE} {KEPT}",
                "percentunit",
            ),
            _by_currency("caught_amount / nullif(caught_amount + missed_amount, 0)"),
        ),
        lines(
            Told("False alarms for each fraud caught", f"How many genuine payments are looked at for one fraud. {MATURE}", "short"),
            days(
                """SELECT day::timestamp AS time, (alerts - caught)::float8 / nullif(caught, 0) AS "false alarms"
                FROM matured_quality WHERE $__timeFilter(day) ORDER BY day"""
            ),
        ),
    )


def _load() -> tuple[Panel, ...]:
    return (
        bars(Told("Alerts to look at", "Alerts of a day, by decision.", "short"), _load_of("alerts")),
        bars(Told("Cards to look at", "Cards that had an alert on a day, by decision.", "short"), _load_of("cards")),
        bars(
            Told(
                "Amount at risk",
                "Sum of the amounts of a day's alerts, by currency and decision, whatever labels say later.",
                "none",
            ),
            days(
                """SELECT day::timestamp AS time, currency || ' ' || decision AS metric, amount AS value FROM amount_at_risk
                WHERE $__timeFilter(day) ORDER BY day, currency, decision"""
            ),
        ),
        listing(
            Told("All days shown", f"Sums over the days shown, by currency. {MATURE} {KEPT}", "none"),
            rows(
                """SELECT currency, sum(caught) AS caught, sum(missed) AS missed, sum(false_alarms) AS "false alarms",
                sum(caught_amount) AS "caught amount", sum(missed_amount) AS "missed amount",
                sum(false_alarm_amount) AS "false alarms' amount"
                FROM matured_money WHERE $__timeFilter(day) GROUP BY currency ORDER BY currency"""
            ),
        ),
    )


def _by_currency(value: str) -> Query:
    return days(
        f"""SELECT day::timestamp AS time, currency AS metric, {value} AS value FROM matured_money
        WHERE $__timeFilter(day) AND currency IS NOT NULL ORDER BY day, currency"""  # noqa: S608 ours
    )


def _load_of(what: str) -> Query:
    return days(
        f"""SELECT day::timestamp AS time, decision AS metric, {what} AS value FROM review_load
        WHERE $__timeFilter(day) ORDER BY day, decision"""  # noqa: S608 ours
    )
