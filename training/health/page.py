"""A model's health as one HTML page that needs nothing beside it: what is beyond its limit, pictures, then all figures."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import partial
from html import escape
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from training.health.day import ALERTS, INPUTS, SCORES, Compared, Day, Health, Result
from training.health.quality import LESS_IS_WORSE, error, wilson
from training.health.words import breach, figure, interval, name_of
from training.plots import png

FARTHEST = 15
"""Inputs in the picture of drift: those that have moved farthest."""
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
img{max-width:100%}table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #ddd}
.breached{background:#fbe3e0}"""
HOW_TO = "docs/how-to/model-health.md says what each figure means, and what to do."


def page(health: Health, days: Sequence[Day]) -> str:
    """Returns the page; `days` are in order, and the last is shown in pictures."""
    last, version = days[-1], health.manifest.version
    results = [one for day in days for one in day.results]
    breached = [one for one in results if one.breached]
    title = f"Health of {version}"
    span = f"{days[0].day}" if len(days) == 1 else f"{days[0].day} to {last.day}"
    verdict = f"{len(breached):,} of {len(results):,} figures are beyond their limit."
    body = [
        f"<h1>{escape(title)}</h1><p>Days {span}, UTC. {verdict} {HOW_TO}</p>",
        *(f"<p class='breached'>{escape(breach(one))}</p>" for one in breached),
        *(
            f"<h2>{escape(name)}</h2><img alt='{escape(name)}' src='{picture_url(content)}'>"
            for name, content in _pictures(health, days)
        ),
        "<h2>All figures</h2>",
        _table(results),
    ]
    head = f"<meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(body)}</body></html>\n"


def picture_url(content: bytes) -> str:
    """Returns a picture as an address that needs nothing beside it."""
    return f"data:image/png;base64,{b64encode(content).decode()}"


def _table(results: Sequence[Result]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("day", "metric", "feature", "value", "95 %", "limit"))
    rows = (
        f"<tr{' class=breached' if one.breached else ''}>"
        + "".join(
            f"<td>{escape(cell)}</td>"
            for cell in (
                *(str(one.day), name_of(one.metric), one.feature, figure(one.metric, one.value)),
                *(interval(one), "" if one.limit_value is None else figure(one.metric, one.limit_value)),
            )
        )
        + "</tr>"
        for one in results
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _pictures(health: Health, days: Sequence[Day]) -> Iterator[tuple[str, bytes]]:
    last = days[-1]
    drift = [one for one in last.results if one.metric in (INPUTS, ALERTS, SCORES) and one.limit_value]
    if drift:
        yield f"What has moved farthest, {last.day}", png(lambda axes: _farthest(axes, drift))
    if (scores := last.compared.get((SCORES, ""))) is not None:
        yield f"Scores, {last.day}", png(lambda axes: _histograms(axes, scores, "fraud_score"))
    for one in last.results:
        if one.breached and (compared := last.compared.get((one.metric, one.feature))) is not None and one.feature:
            what = f"{one.feature}, {name_of(one.metric)}, {last.day}"
            yield what, png(partial(_histograms, compared=compared, name=one.feature))
    tables = [one.reliability for one in days if one.reliability is not None]
    if tables:
        yield "Calibration, days whose labels have come", png(lambda axes: _reliability(axes, sum(tables[1:], tables[0])))
    matured = [one for day in days for one in day.results if one.metric in LESS_IS_WORSE]
    if matured:
        yield "Results by day of the payments", png(lambda axes: _matured(axes, matured, health))


def _farthest(axes: Axes, drift: Sequence[Result]) -> None:
    ranked = sorted(drift, key=lambda one: one.value / (one.limit_value or 1))[-FARTHEST:]
    shares = [one.value / (one.limit_value or 1) for one in ranked]
    names = [f"{one.feature or 'fraud_score'}, {name_of(one.metric)}" for one in ranked]
    axes.barh(names, shares, color=["tab:red" if one.breached else "tab:blue" for one in ranked])
    axes.axvline(1, color="black", linestyle="--")
    axes.set(xlabel="PSI, as a multiple of its limit")


def _histograms(axes: Axes, compared: Compared, name: str) -> None:
    edges = compared.reference.edges
    bins = [f"to {edges[0]:.3g}", *(f"to {high:.3g}" for _, high in pairwise(edges)), f"over {edges[-1]:.3g}"] if edges else ["all"]
    places = np.arange(len(bins) + 1)
    for shift, label, counts in ((-0.2, "when the model was made", compared.reference.counts), (0.2, "now", compared.now)):
        values = np.array(counts, float)
        axes.bar(places + shift, values / values.sum(), width=0.4, label=f"{label}, {int(values.sum()):,} payments")
    axes.set_xticks(places, [*bins, "absent"], rotation=45, ha="right")
    axes.set(xlabel=name, ylabel="share", yscale="log" if name == "fraud_score" else "linear")
    axes.legend()


def _reliability(axes: Axes, table: pd.DataFrame) -> None:
    seen = table[table["rows"] > 0]
    share, mean = seen["frauds"] / seen["rows"], seen["score"] / seen["rows"]
    bounds = np.array([wilson(one.frauds, one.rows) for one in seen.itertuples()])
    axes.errorbar(mean, share, yerr=np.abs(bounds.T - share.to_numpy()), fmt="o", capsize=3, label="a bin, with its 95 % interval")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    axes.set(xlabel="mean score", ylabel="share of fraud", title=f"Expected calibration error {error(table):.5f}")
    axes.legend()


def _matured(axes: Axes, matured: Sequence[Result], health: Health) -> None:
    for number, metric in enumerate(LESS_IS_WORSE):
        of_metric = [one for one in matured if one.metric == metric]
        color = f"C{number}"
        days = np.array([one.day for one in of_metric], "datetime64[D]")
        axes.plot(days, [one.value for one in of_metric], marker="o", color=color, label=name_of(metric))
        if (promised := health.manifest.metrics.get(metric)) is not None:
            axes.axhline(promised, color=color, linestyle=":")
    axes.set(ylim=(0, 1.02), ylabel="dotted: as the trainer found it")
    axes.tick_params(axis="x", rotation=30)
    axes.legend(ncols=2)
