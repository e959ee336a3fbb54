"""What Prometheus would have scraped of a detector, its watcher, archiver and notifier, made up, as `promtool test rules` reads it.

A clean run has the shape of `make demo`: 100 payments a second, 0.76 % of which are not approved (README); the detector's own
metrics move once a progress period, the watcher's all the time; a checkpoint holds up one payment in two hundred, for up to two
seconds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

Series = tuple[str, str]
"""Name, and labels as PromQL writes them."""
Samples = dict[Series, float]
"""The values of one scrape."""
Fault = Callable[[float, Samples], None]
"""Changes what is scraped, so many seconds after it began."""

JOBS = {
    "fraud_watch": "payments/fraud-watcher",
    "fraud_archive": "payments/fraud-archiver",
    "fraud_notify": "payments/fraud-notifier",
    "fraud": "payments/fraud-detector",
}
RATE, ALERTED = 100.0, 0.0076
ARCHIVED_S = 60.0
"""How often the archiver copies."""
GATHERED_S = 300.0
"""For how long a channel gathers the alerts of a card."""
BEGAN_S = 2700.0
"""When a fault begins: every window but that of a day is full by then."""
SCRAPE_S = 15

SINCE, STARTED, BATCHES, LAG = (
    (f"fraud_{name}", "")
    for name in ("seconds_since_progress", "start_time_seconds", "batch_duration_seconds_count", "lag_seconds")
)
ROWS, REJECTED = ("fraud_rows_total", 'kind="transaction"'), ("fraud_rejected_total", 'reason="missing"')
CHAMPION, MISSING, REFUSED = (
    ("fraud_model", 'role="champion",version="v1"'),
    ("fraud_model_missing", ""),
    ("fraud_model_refused", ""),
)
NEXT_CHAMPION = ("fraud_model", 'role="champion",version="v2"')
FAILED, UNSCORED = ("fraud_rule_failures_total", 'rule="large"'), ("fraud_unscored_total", 'role="champion"')
HELD_BACK, OTHER_MODEL = ("fraud_decline_ceiling_total", ""), ("fraud_executor_model", 'executor="2",version="v0"')
SAME_MODEL, SLOTS_NEEDED, SLOTS_HAD = (
    ("fraud_executor_model", 'executor="1",version="v1"'),
    ("fraud_slots_needed", ""),
    ("fraud_slots_had", ""),
)
LOST = ("fraud_lost_records_total", 'topic="transactions"')
COPIED, TO_COPY = (("fraud_archive_seconds_since_progress", 'sink="lake"'), ("fraud_archive_lag_rows", 'sink="lake"'))
OUTBOX, WAITS, GIVEN_UP, GONE = (
    ("fraud_notify_outbox_reachable", ""),
    ("fraud_notify_oldest_waiting_seconds", 'channel="desk"'),
    ("fraud_notify_tries_total", 'channel="desk",outcome="dead"'),
    ("fraud_notify_gone", 'channel="desk"'),
)
WATCHED_IN, WATCHED_REJECTED = (
    ("fraud_watch_in_records_total", 'topic="transactions"'),
    ("fraud_watch_rejected_total", 'reason="missing"'),
)
REACHABLE, WAITED, WATCHED_UNSCORED = (
    (f"fraud_watch_{name}", "") for name in ("broker_reachable", "oldest_unscored_seconds", "unscored_total")
)
DECIDED = {
    decision: (("fraud_decisions_total", f'decision="{decision}"'), ("fraud_watch_decisions_total", f'decision="{decision}"'))
    for decision in ("approve", "review", "decline")
}
LATENCIES = {le: ("fraud_watch_scored_latency_seconds_bucket", f'le="{le}"') for le in ("0.05", "2.0", "1800.0", "+Inf")}


class World(NamedTuple):
    """A detector at work, with or without a watcher, that reports progress once a period; an archiver and a notifier."""

    period_s: float
    is_watched: bool
    payments: Callable[[float], float] = lambda at_s: RATE * at_s
    """How many have come by then."""
    alerts: Callable[[float], float] = lambda at_s: RATE * ALERTED * at_s
    """How many of them were not approved."""

    def scraped(self, at_s: float) -> Samples:
        """Returns what a clean run shows."""
        steps = at_s // self.period_s
        told_s = steps * self.period_s
        samples = dict.fromkeys((LAG, REJECTED, MISSING, REFUSED, FAILED, UNSCORED, LOST, HELD_BACK), 0.0)
        samples |= {SINCE: at_s - told_s, STARTED: 0.0, BATCHES: steps, ROWS: self.payments(told_s), CHAMPION: 1.0}
        samples |= self._decisions(0, told_s) | {SAME_MODEL: 1.0, SLOTS_NEEDED: 10.0, SLOTS_HAD: 10.0}
        samples |= {COPIED: at_s % ARCHIVED_S, TO_COPY: RATE}
        samples |= {OUTBOX: 1.0, WAITS: at_s % GATHERED_S, GIVEN_UP: 0.0, GONE: 0.0}
        if self.is_watched:
            came = self.payments(at_s)
            samples |= dict.fromkeys((WAITED, WATCHED_REJECTED, WATCHED_UNSCORED), 0.0) | {REACHABLE: 1.0, WATCHED_IN: came}
            samples |= dict.fromkeys(LATENCIES.values(), came) | {LATENCIES["0.05"]: came * 0.995}
            samples |= self._decisions(1, at_s)
        return samples

    def since(self, samples: Samples, series: Series) -> float:
        """Returns by how much a counter has grown since a fault began."""
        return samples[series] - self.scraped(BEGAN_S)[series]

    def series(self, seconds: float, fault: Fault | None = None, every_s: int = SCRAPE_S) -> list[dict[str, str]]:
        """Returns promtool's `input_series` of a run of so many seconds, with a fault if one is given."""
        scrapes = []
        for at_s in range(0, int(seconds) + 1, every_s):
            samples = self.scraped(at_s)
            if fault is not None and at_s >= BEGAN_S:
                fault(at_s - BEGAN_S, samples)
            scrapes.append(samples)
        names = sorted({series for samples in scrapes for series in samples})
        return [{"series": _named(one), "values": " ".join(_values(one, scrapes))} for one in names]

    def _decisions(self, source: int, at_s: float) -> Samples:
        came, alerts = self.payments(at_s), self.alerts(at_s)
        shares = {"approve": came - alerts, "review": alerts * 0.9, "decline": alerts * 0.1}
        return {DECIDED[decision][source]: number for decision, number in shares.items()}


def of_detector(samples: Samples) -> list[Series]:
    """Returns the series that the detector itself serves."""
    return [series for series in samples if _program(series) == "fraud"]


FIRED = 'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[2d]))'
"""The alerts that have fired until then."""


def still_firing(alert: str) -> str:
    """Returns what has a value where the alert has fired in ten minutes whenever somebody looked, which is twice a minute."""
    return f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing",alertname="{alert}"}}[10m]) >= 20)'


def look(expression: str, at_s: float, alerts: set[str]) -> dict[str, Any]:
    """Returns one look of promtool's: which alerts the expression is about then, these and no others."""
    found = [{"labels": f'{{alertname="{one}"}}', "value": 1} for one in sorted(alerts)]
    return {"expr": expression, "eval_time": f"{at_s:.0f}s", "exp_samples": found}


def promtool_test(name: str, series: list[dict[str, str]], looks: list[dict[str, Any]], every_s: int = SCRAPE_S) -> dict[str, Any]:
    """Returns one of promtool's `tests`."""
    return {"name": name, "interval": f"{every_s}s", "input_series": series, "promql_expr_test": looks}


def of_watcher(samples: Samples) -> list[Series]:
    """Returns the series that the watcher serves."""
    return [series for series in samples if _program(series) == "fraud_watch"]


def of_notifier(samples: Samples) -> list[Series]:
    """Returns the series that the notifier serves."""
    return [series for series in samples if _program(series) == "fraud_notify"]


def _program(series: Series) -> str:
    return next(prefix for prefix in JOBS if series[0].startswith(prefix))


def _named(series: Series) -> str:
    name, labels = series
    job = f'job="{JOBS[_program(series)]}"'
    return f"{name}{{{','.join(filter(None, (job, labels)))}}}"


def _values(series: Series, scrapes: list[Samples]) -> list[str]:
    """Returns the values of a series; where it ends, Prometheus notes that it is stale."""
    found, was_there = [], False
    for samples in scrapes:
        found.append(f"{samples[series]:.10g}" if series in samples else "stale" if was_there else "_")
        was_there = series in samples
    return found
