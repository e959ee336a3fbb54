"""What a run of the demo has shown, as one HTML page that needs nothing beside it."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from local.screen import State, reasons
from training.plots import png

BINS = 40
TOP = 12
STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "img{max-width:100%}table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #ddd}"
    "pre{background:#f5f5f5;padding:1rem;white-space:pre-wrap}"
)


def write(file: Path, state: State, summary: str, models: Path) -> None:
    """Writes the page: flow, latency, alerts and their reasons, and the report of the model that scored, of its folder in `models`.

    Of what there was nothing, the page says nothing.
    """
    parts = [f"<h1>Fraud detection, a run of {state.seconds:.0f} seconds</h1>", f"<pre>{escape(summary.strip())}</pre>"]
    parts += [*_flow(state), *_alerts(state), *_model(models / state.model / "report" if state.model else None)]
    head = f'<meta charset="utf-8"><title>Fraud detection, a run of the demo</title><style>{STYLE}</style>'
    file.write_text(f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n')


def _flow(state: State) -> Iterator[str]:
    if len(state.moments) > 1:
        yield "<h2>Flow</h2>"
        yield _picture("Payments and alerts over time", png(lambda axes: _draw_flow(axes, state)))
    if state.latencies.milliseconds:
        yield f"<h2>Latency</h2><p>From the broker's append of a payment to its append of the alert: {state.latency()}.</p>"
        yield _picture("Histogram of latencies", png(lambda axes: _draw_latencies(axes, state)))


def _draw_flow(axes: Axes, state: State) -> None:
    seconds = [after.seconds for after in state.moments[1:]]
    for name in ("transactions", "scored"):
        rates = [
            (getattr(after, name) - getattr(before, name)) / (after.seconds - before.seconds)
            for before, after in pairwise(state.moments)
        ]
        axes.plot(seconds, rates, label={"transactions": "payments sent", "scored": "payments scored"}[name])
    axes.set(title="Flow; history is sent as fast as it goes", xlabel="seconds", ylabel="a second", yscale="symlog")
    alerts = axes.twinx()
    alerts.plot(seconds, [one.alerts for one in state.moments[1:]], color="tab:red", label="alerts so far")
    alerts.set_ylabel("alerts so far")
    axes.figure.legend(loc="outside lower center", ncols=3)


def _draw_latencies(axes: Axes, state: State) -> None:
    axes.hist(state.latencies.milliseconds, bins=BINS, log=True)
    axes.set(title="Payment to alert", xlabel="milliseconds", ylabel="alerts")


def _alerts(state: State) -> Iterator[str]:
    if not state.alerts:
        return
    yield "<h2>Alerts</h2>"
    yield _table("decision", "alerts", state.decisions.most_common())
    yield _table("currency", "amount at risk", ((name, f"{amount:,}") for name, amount in sorted(state.at_risk.items())))
    if state.reasons:
        yield _picture("Reasons of alerts", png(lambda axes: _draw_reasons(axes, state)))
    yield "<h3>The last ones</h3>"
    yield _table("card", "why", ((one.card_id, reasons(one)) for one in reversed(state.last)))


def _draw_reasons(axes: Axes, state: State) -> None:
    names, counts = zip(*reversed(state.reasons.most_common(TOP)), strict=True)
    axes.bar_label(axes.barh(names, counts), padding=3)
    axes.set(title="Alerts by reason", xlabel="alerts", xscale="log")


def _model(report: Path | None) -> Iterator[str]:
    """Yields the pictures and figures that the trainer has kept beside the model; a model of another origin has none."""
    if report is None or not (report / "report.json").exists():
        return
    found: Mapping[str, Any] = json.loads((report / "report.json").read_text())
    yield f"<h2>Model {escape(found['version'])}</h2>"
    yield _table(
        "on days that it had not seen",
        "",
        ((name, f"{value:.4g}") for name, value in found["metrics"].items() if value is not None),
    )
    yield from (_picture(file.stem, file.read_bytes()) for file in sorted(report.glob("*.png")))


def _picture(what: str, content: bytes) -> str:
    return f'<p><img alt="{escape(what)}" src="data:image/png;base64,{base64.b64encode(content).decode()}"></p>'


def _table(first: str, second: str, rows: Iterable[tuple[object, object]]) -> str:
    cells = "".join(f"<tr><td>{escape(str(one))}</td><td>{escape(str(other))}</td></tr>" for one, other in rows)
    return f"<table><tr><th>{escape(first)}</th><th>{escape(second)}</th></tr>{cells}</table>"
