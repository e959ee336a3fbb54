"""The card of a version: a page of Markdown that says what the model is, how good it is, and what it is not good for."""

from collections.abc import Iterator, Sequence
from typing import Any

from spark_jobs.feature_reference import described
from training.bundle import Manifest, in_words
from training.summary import WORDS

FEW = 20
"""Frauds of a scenario below which a share of them says little."""


def card(manifest: Manifest, found: dict[str, Any]) -> str:
    """Returns the card of a version with this report. Who approved it is not in it: that comes later, and a card never changes."""
    parts = (
        [f"# {manifest.version}", _what(manifest, found)],
        ["## Data", *_data(found)],
        ["## Metrics", *_metrics(manifest, found)],
        ["## Found by campaign", *_campaigns(found)],
        ["## Thresholds", *_thresholds(manifest)],
        ["## Known limits", "\n".join(f"- {one}" for one in _limits(manifest, found))],
        ["## Features", *_features(manifest)],
        ["## Approval", "Who made it champion, when and by which report: `fraud models audit`."],
    )
    return "\n\n".join(line for part in parts for line in part) + "\n"


def _what(manifest: Manifest, found: dict[str, Any]) -> str:
    recipe = f" Recipe {manifest.run.recipe[:8]}: its settings and this code." if manifest.run else ""
    return (
        f"A {manifest.family} that gives each card payment a fraud_score from 0 to 1. It decides whether a payment is approved, "
        f"reviewed or declined, beside the rules. Made by version {manifest.code_version} of the program, feature set "
        f"{manifest.feature_set}, of what was known at {found['window']['until']}.{recipe}"
    )


def _data(found: dict[str, Any]) -> Iterator[str]:
    learnt, judged = found["trained_on"], found["judged_on"]
    rows = [(name, begin, end) for name, (begin, end) in found["periods"].items()]
    yield _table(("period", "from", "to (not included)"), rows)
    yield (
        f"Learnt from {learnt['rows']:,} payments, {learnt['frauds']:,} of them fraud; judged on {judged['rows']:,} later ones, "
        f"{judged['frauds']:,} of them fraud. A label was waited for {learnt['label_delay_days']:g} days."
    )


def _metrics(manifest: Manifest, found: dict[str, Any]) -> Iterator[str]:
    champion = found["champion"] or {}
    rows = [
        (WORDS.get(name, name), in_words(name, value), in_words(name, champion[name]) if name in champion else "")
        for name, value in manifest.metrics.items()
    ]
    beside = f"champion {champion['version']}, same days" if champion else "champion: none, or it has learnt from these days"
    yield _table(("on the days it is judged on", "this version", beside), rows)


def _campaigns(found: dict[str, Any]) -> Iterator[str]:
    yield "Where the hundred cards of the highest score are looked at each day, on the same days."
    rows = [
        (one["scenario"], f"{one['frauds']:,.0f}", f"{one['recall']:.1%}", f"{one['attacks']:.0f}", f"{one['attacks_found']:.0f}")
        for one in sorted(found["scenarios"], key=lambda one: str(one["scenario"]))
    ]
    yield _table(("campaign", "frauds", "found", "attacks", "found at least once"), rows) if rows else "No fraud is known."


def _thresholds(manifest: Manifest) -> Iterator[str]:
    for name, at in manifest.thresholds:
        yield f"{name.capitalize()}: {'never' if at is None else f'from a fraud_score of {at:.4g} on'}."


def _limits(manifest: Manifest, found: dict[str, Any]) -> Iterator[str]:
    yield "A payment without a label counts as genuine. Frauds that nobody reports are not learnt, and not missed in the metrics."
    yield "A kind of fraud that has begun after the last day that was learnt from is not known to it."
    few = sorted(str(one["scenario"]) for one in found["scenarios"] if one["frauds"] < FEW)
    if few:
        yield f"Fewer than {FEW} frauds were judged of {', '.join(few)}: what was found of them may be luck."
    if not found["champion"]:
        yield "It was not compared with a champion on the same days."
    if manifest.thresholds.decline is None:
        yield "It declines nothing: no score had enough evidence."
    yield from (f"Leak? {leak['sentence']}" for leak in found["leaks"])
    skew = found.get("skew")
    if not skew:
        yield "Nobody has compared its features with those that a detector has served."
    elif any(one["differing"] for one in skew["features"]):
        named = ", ".join(one["feature"] for one in skew["features"] if one["differing"])
        yield f"A detector has served some features otherwise than they were learnt: {named}."


def _features(manifest: Manifest) -> Iterator[str]:
    meaning = {"amount": "The payment's own amount"} | {one.name: one.sentence for one in described()}
    rows = [(f"`{name}`", meaning.get(name, ""), "absent" if usual is None else f"{usual:.6g}") for name, usual in _usual(manifest)]
    yield _table(("feature", "meaning", "usually"), rows)


def _usual(manifest: Manifest) -> Iterator[tuple[str, float | None]]:
    return zip(manifest.features, manifest.usual, strict=True)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells)
