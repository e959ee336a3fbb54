"""The report of a trained model for people: tables on standard output."""

from typing import Any

from rich.console import Console
from rich.table import Table

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
}


def show(found: dict[str, Any]) -> None:
    """Prints the report of `training.train_model`."""
    out = Console()
    periods, learnt, judged = found["periods"], found["trained_on"], found["judged_on"]
    out.print(
        f"{found['version']}: learnt from {learnt['rows']:,} transactions, {learnt['frauds']:,} of them fraud", highlight=False
    )
    for name, (begin, end) in periods.items():
        out.print(f"  {name:<11} {begin} to {end}", highlight=False)
    out.print(_metrics(found))
    if found["champion"]:
        champion = found["champion"]
        out.print(
            f"the champion, {champion['version']}, on the same days: average precision {champion['average_precision']:.3g}",
            highlight=False,
        )
    if found["scenarios"]:
        out.print(_scenarios(found["scenarios"], f"Of {judged['frauds']:,} frauds, a hundred cards a day looked at"))
    if "prequential" in found:
        out.print(_scenarios(found["prequential"]["scenarios"], f"The same in {len(found['prequential']['folds'])} folds together"))
    for name, at in found["thresholds"].items():
        out.print(f"{name}: {'never' if at is None else f'fraud_score {at:.4g} and more'}", highlight=False)
    for leak in found["leaks"]:
        out.print(f"[yellow]Leak? {leak['sentence']}", highlight=False, soft_wrap=True)


def _metrics(found: dict[str, Any]) -> Table:
    folds = found.get("prequential")
    table = Table("on the test period", "", *(["mean of the folds"] if folds else []))
    for name, value in found["metrics"].items():
        mean = folds["mean"].get(name) if folds else None
        cells = [f"{value:.3g}"] + ([""] if folds and mean is None else [])
        if folds and mean is not None:
            cells.append(f"{mean:.3f} ± {folds['deviation'][name]:.3f}")
        table.add_row(WORDS[name], *cells)
    return table


def _scenarios(rows: list[dict[str, Any]], title: str) -> Table:
    table = Table("scenario", "frauds", "found", "amount", "saved", "attacks", "found", title=title)
    for row in sorted(rows, key=lambda one: -one["recall"]):
        attacks = [f"{row['attacks']:.0f}", f"{row['attacks_found']:.0f}"] if row["attacks"] else ["", ""]
        money = [f"{row[name]:,.0f}" for name in ("amount", "saved")]
        table.add_row(row["scenario"], f"{row['frauds']:,.0f}", f"{row['recall']:.1%}", *money, *attacks)
    return table
