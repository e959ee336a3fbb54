"""`fraud models judge`: what the gate says of a version, for people who approve and for programs that ask."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Annotated, Any

import typer

from training.bundle import in_words
from training.gate import MAX_SKEW, MIN_FRAUDS, REFUSED, Asked, Verdict, judge, quality_of
from training.options import (
    Json,
    MaxSkew,
    MinFrauds,
    Place,
    Quality,
    Version,
    duration,
    out,
    reached,
)
from training.splits import DAY
from training.store import ModelStore


def judged(
    version: Version,
    quality: Quality = None,
    min_frauds: MinFrauds = MIN_FRAUDS,
    max_skew: MaxSkew = MAX_SKEW,
    data: Annotated[
        str | None, typer.Option(metavar="LAKE", help="With --challenged: the `path` of one of the archiver's sinks.")
    ] = None,
    challenged: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration, metavar="7d", help="Also judge it by what it has scored as challenger, on so many days with labels."
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write it as a page, with the report's pictures.")] = None,
    store: Place = None,
    as_json: Json = False,
) -> None:
    """Tell whether a version may be promoted, and promote nothing. The exit code is 6 if it may not."""
    if (challenged is None) != (data is None):
        raise typer.BadParameter("--challenged and --data go together")
    found = reached(store)
    verdict = judge(found.store, version, Asked(quality_of(quality) if quality else None, min_frauds, max_skew))
    beside = None
    if challenged is not None and data is not None:
        from training import challenger as week
        from training.lake import Lake

        beside = week.judge(Lake(data, found.s3), found.store, version, math.ceil(challenged / DAY), min_frauds)
        verdict = replace(verdict, reasons=(*verdict.reasons, *week.reasons(beside)))
    if html is not None:
        from training.health.keep import as_page

        as_page(html, page(found.store, verdict))
    if as_json:
        out.print_json(data=verdict.json() | ({"challenged": beside._asdict()} if beside else {}))
        if verdict.reasons:
            raise typer.Exit(REFUSED)
        return
    if beside:
        out.print(week.sentence(beside))
    verdict.require()
    out.print(f"{version} may be promoted. {verdict.compared}.")
    if verdict.report:
        out.print(f"Its report: {verdict.report.path}")


def page(store: ModelStore, verdict: Verdict) -> str:
    """Returns what somebody who approves looks at, as an HTML page that needs nothing beside it."""
    from training.health.page import STYLE, picture_url

    title = f"May {verdict.version} be promoted?"
    answer = "It may not." if verdict.reasons else "The gate has nothing against it."
    body = [
        f"<h1>{escape(title)}</h1><p>{answer} {escape(verdict.compared)}.</p>",
        *(f"<p class='breached'>{escape(one.sentence)}</p>" for one in verdict.reasons),
        _table(_facts(store, verdict)),
    ]
    for name in store.pictures(verdict.version):
        content = store.beside(verdict.version, name) or b""
        body.append(f"<h2>{escape(name.removesuffix('.png'))}</h2><img alt='{escape(name)}' src='{picture_url(content)}'>")
    head = f"<meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(body)}</body></html>\n"


def _facts(store: ModelStore, verdict: Verdict) -> Iterator[tuple[str, str]]:
    from training.summary import WORDS

    manifest = store.manifest(verdict.version)
    learnt = manifest.trained_on
    yield "family", manifest.family
    yield "made", f"{manifest.created_at:%Y-%m-%d %H:%M:%S}Z by {manifest.code_version}"
    if learnt:
        yield "learnt from", f"{learnt.begin:%Y-%m-%d} to {learnt.end:%Y-%m-%d}: {learnt.rows:,} payments, {learnt.frauds:,} frauds"
    for name, value in manifest.metrics.items():
        yield WORDS.get(name, name), in_words(name, value)
    for name, at in manifest.thresholds:
        yield f"{name} from", "never" if at is None else f"fraud_score {at:.4g}"
    if verdict.report:
        yield "report", f"{verdict.report.path}, SHA-256 {verdict.report.sha256}"


def _table(rows: Iterator[tuple[str, Any]]) -> str:
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in rows)
    return f"<table>{cells}</table>"
