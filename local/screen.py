"""What the demo shows: one live screen on a terminal, lines elsewhere."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from contract import Alert
from local.latencies import Latencies

LAST_ALERTS = 8
SCORE = "Fraud score"
"""How the reason of a model begins."""


class Moment(NamedTuple):
    """What had been counted so many seconds after the start."""

    seconds: float
    transactions: int
    scored: int
    alerts: int


@dataclass
class State:
    """What is known of the running demo."""

    phase: str = "starting"
    mode: str = ""
    metrics: str = ""
    """Where the watcher serves them."""
    seconds: float = 0.0
    transactions: int = 0
    scored: int = 0
    rejected: int = 0
    alerts: int = 0
    per_second: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)
    last: deque[Alert] = field(default_factory=lambda: deque(maxlen=LAST_ALERTS))
    model: str | None = None
    """The version that gave the last score, if a model did."""
    first_alert_after: float | None = None
    """Seconds from the demo's start."""
    moments: list[Moment] = field(default_factory=list)
    """One a second."""
    decisions: Counter[str] = field(default_factory=Counter)
    """Alerts, by decision."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Alerts, by the reasons that rules give; a score's own reason names the score, and counts as one."""
    at_risk: dict[str, Decimal] = field(default_factory=dict)
    """Sum of the amounts of alerts, by currency."""

    def warned(self, alert: Alert) -> None:
        """Counts an alert."""
        self.alerts += 1
        self.last.append(alert)
        self.model = alert.model_version or self.model
        self.first_alert_after = self.first_alert_after or self.seconds
        self.decisions[alert.decision] += 1
        self.reasons.update(SCORE if one.startswith(SCORE) else one for one in alert.reasons)
        self.at_risk[alert.currency] = self.at_risk.get(alert.currency, Decimal()) + alert.amount

    def latency(self) -> str:
        """Returns the percentiles as text; a dash until there are any."""
        found = self.latencies.milliseconds
        return f"p50 {percentile(found, 50):.0f} ms, p99 {percentile(found, 99):.0f} ms" if found else "-"


def percentile(values: Sequence[float], percent: float) -> float:
    """Returns the smallest value that `percent` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(int(rank), 1) - 1]


def status_line(state: State) -> str:
    """Returns the state in one line."""
    return (
        f"[{state.seconds:4.0f} s] {state.phase}: {state.scored:,} scored ({state.per_second:,.0f}/s), {state.alerts:,} alerts, "
        f"{state.rejected:,} rejected, model {state.model or '-'}, payment to alert {state.latency()}"
    )


def reasons(alert: Alert) -> str:
    """Returns why, in one line: the rules' reasons, the model's, and the features that raised its score."""
    raised = (one for one in alert.contributions or () if one.direction == "raises")
    return "; ".join((*alert.reasons, *(f"{one.feature} {_short(one.value)} (usually {_short(one.usual)})" for one in raised)))


def _short(value: float | None) -> str:
    return "absent" if value is None else f"{value:.4g}"


def screen(state: State, logs: str) -> Group:
    """Returns the whole screen."""
    numbers = Table.grid(padding=(0, 3))
    for name, value in (
        ("phase", f"{state.phase}, {state.seconds:.0f} s"),
        ("mode", state.mode),
        ("scored", f"{state.scored:,} of {state.transactions:,} payments, {state.per_second:,.0f} a second"),
        ("alerts", f"{state.alerts:,}"),
        ("model", state.model or "none yet: rules decide alone"),
        ("payment to alert", f"{state.latency()}   (the broker's append of both, since it is live)"),
        ("rejected", f"{state.rejected:,}"),
    ):
        numbers.add_row(Text(name, style="bold"), value)
    alerts = Table(expand=True, box=None)
    for column in ("time", "decision", "score", "card", "amount", "merchant", "reasons"):
        alerts.add_column(column, justify="right" if column in ("amount", "score") else "left", no_wrap=column != "reasons")
    for alert in reversed(state.last):
        alerts.add_row(
            f"{alert.timestamp:%H:%M:%S}",
            Text(alert.decision, style="red" if alert.decision == "decline" else "yellow"),
            "-" if alert.fraud_score is None else f"{alert.fraud_score:.2f}",
            alert.card_id,
            f"{alert.amount} {alert.currency}",
            alert.merchant,
            reasons(alert),
        )
    return Group(
        Panel(numbers, title="real-time fraud detection"),
        Panel(alerts, title="last alerts"),
        Text(f"Ctrl-C stops everything. Logs: {logs}. Metrics: {state.metrics}", style="dim"),
    )
