"""The report of a trained model for people: tables on standard output."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.bundle import in_words
from training.skew import sentence

WORDS = {
    "auc_roc": "AUC",
    "average_precision": "average precision",
    "card_precision": "card precision, 100 a day",
    "brier": "Brier score",
    "brier_uncalibrated": "Brier score before calibration",
    "alerted_cards": "cards to review a day",
    "precision": "share of alerts that are fraud",
    "recall": "share of frauds with an alert",
    "saved": "share of the frauds' amount",
    "declined": "declined",
    "decline_precision": "share of declined that is fraud",
    "decline_precision_low": "at least, with 95 % confidence",
    "decline_precision_high": "at most",
}


def show(found: dict[str, Any]) -> None:
    """Prints the report of `training.train_model`."""
    out = Console(highlight=False)
    say = partial(out.print, soft_wrap=True)
    periods, learnt, judged = found["periods"], found["trained_on"], found["judged_on"]
    say(f"{found['version']}: learnt from {learnt['rows']:,} transactions, {learnt['frauds']:,} of them fraud")
    for name, (begin, end) in periods.items():
        say(f"  {name:<11} {begin} to {end}")
    out.print(_metrics(found))
    if found["champion"]:
        champion = found["champion"]
        precision = in_words("average_precision", champion["average_precision"])
        say(f"the champion, {champion['version']}, on the same days: average precision {precision}")
    if found["scenarios"]:
        out.print(_scenarios(found["scenarios"], f"Of {judged['frauds']:,} frauds, a hundred cards a day looked at"))
    if "prequential" in found:
        out.print(_scenarios(found["prequential"]["scenarios"], f"The same in {len(found['prequential']['folds'])} folds together"))
    for name, at in found["thresholds"].items():
        say(f"{name}: {'never' if at is None else f'fraud_score {at:.4g} and more'}")
    for leak in found["leaks"]:
        say(f"[yellow]Leak? {leak['sentence']}")
    if found["skew"]:
        for line in _skew(found["skew"]):
            say(line)


def _skew(found: dict[str, Any]) -> Iterator[str]:
    differing = [one for one in found["features"] if one["differing"]]
    if not differing:
        few = f"; the archive is too short to compare {len(found['not_compared'])} of them" if found["not_compared"] else ""
        yield f"{found['payments']:,} payments were served with the features that are learnt from{few}"
    yield from (f"[yellow]Skew? {escape(sentence(one))}" for one in differing)
    if found["of_other_features"]:
        yield f"{found['of_other_features']:,} payments were served with other features, and are not compared"


def _metrics(found: dict[str, Any]) -> Table:
    folds = found.get("prequential")
    table = Table("on the test period", "", *(["mean of the folds"] if folds else []))
    for name, value in found["metrics"].items():
        mean = folds["mean"].get(name) if folds else None
        cells = [in_words(name, value)] + ([""] if folds and mean is None else [])
        if folds and mean is not None:
            cells.append(f"{in_words(name, mean)} ± {in_words(name, folds['deviation'][name])}")
        table.add_row(WORDS[name], *cells)
    return table


def _scenarios(rows: list[dict[str, Any]], title: str) -> Table:
    table = Table("scenario", "frauds", "found", "amount", "saved", "attacks", "found", title=title)
    for row in sorted(rows, key=lambda one: -one["recall"]):
        attacks = [f"{row['attacks']:.0f}", f"{row['attacks_found']:.0f}"] if row["attacks"] else ["", ""]
        money = [f"{row[name]:,.0f}" for name in ("amount", "saved")]
        table.add_row(row["scenario"], f"{row['frauds']:,.0f}", f"{row['recall']:.1%}", *money, *attacks)
    return table
