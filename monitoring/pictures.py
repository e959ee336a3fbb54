"""`python -m monitoring.pictures` draws the dashboards over what the laptop's Prometheus and database say now.

They are not Grafana's own pictures: the queries are those of the dashboards and the answers are real, the drawing is simpler.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from configuration import FraudDetectionError, report
from local.errors import NotRunning
from local.state import postgres, prometheus
from monitoring.__main__ import FOLDER
from monitoring.asking import Answer, Json, Period, Sources, ask, period_of

COLUMNS = 24
"""Of Grafana's grid."""
INCH = 0.55
"""Of a column; a row has two thirds of it."""
COLOURS = 48
"""Of a picture: with all of them it takes three times the bytes."""
DAY_S = 86_400
ROWS, CUT = 8, 40
"""So many rows of a table, and characters of a cell."""


def main() -> int:
    """Draws all; returns the exit code."""
    options = argparse.ArgumentParser("python -m monitoring.pictures", description=__doc__.partition("\n")[0])
    options.add_argument("--out", type=Path, default=Path("docs/pictures"), help="Folder of the pictures")
    folder = options.parse_args().out
    try:
        with sources() as asked:
            for file in sorted(FOLDER.glob("*.json")):
                draw(json.loads(file.read_text()), asked, folder / f"{file.stem}.png", datetime.now(UTC))
                sys.stdout.write(f"{folder / file.stem}.png\n")
    except FraudDetectionError as error:
        return report(error)
    return 0


@contextmanager
def sources() -> Iterator[Sources]:
    """Returns the laptop's.

    Raises:
        NotRunning: one of both does not run.
    """
    watch, database = prometheus(), postgres()
    if not (watch.running and database.running):
        raise NotRunning("Prometheus and PostgreSQL do not both run", "Start them: `fraud up --with postgres,monitoring`.")
    with database.connect() as connection:
        yield Sources(watch.url, connection)


def draw(dashboard: Json, asked: Sources, file: Path, now: datetime) -> None:
    """Writes the picture of a dashboard as PNG. A panel whose query finds nothing, or whose table there is not yet, says so."""
    shown = period_of(dashboard, now)
    panels = dashboard["panels"]
    height = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in panels) + 1
    figure = Figure(figsize=(COLUMNS * INCH, height * INCH * 2 / 3))
    title = f"{dashboard['title']}: drawn by monitoring.pictures, {now:%Y-%m-%d %H:%M} UTC"
    figure.text(0.5, 1 - 0.5 / height, title, ha="center", va="center", fontsize=11)
    for panel in panels:
        place = panel["gridPos"]
        # The part of the grid that is left when titles, names of axes and their numbers have theirs.
        left, bottom = place["x"] + 1.3, height - 1 - place["y"] - place["h"] + 1.3
        size = ((place["w"] - 1.6) / COLUMNS, (place["h"] - 2.3) / height)
        axes = figure.add_axes((left / COLUMNS, bottom / height, *size))
        axes.set_title(panel["title"], fontsize=9, loc="left")
        axes.tick_params(labelsize=7)
        answers = [_answer(target, asked, shown) for target in panel["targets"]]
        if any(answer.rows for answer in answers):
            KINDS[panel["type"]](axes, answers, panel, shown)
        else:
            axes.axis("off")
            axes.text(0.5, 0.5, "no data", ha="center", va="center", color="grey")
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=90)
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(file, optimize=True)


def _answer(target: Json, asked: Sources, shown: Period) -> Answer:
    try:
        return ask(target, asked, shown)
    except psycopg.errors.UndefinedTable:
        return Answer((), ())


def _lines(axes: Axes, answers: list[Answer], panel: Json, shown: Period) -> None:
    rows = sorted((row for answer in answers for row in answer.rows), key=lambda row: (row[1], row[0]))
    custom = panel["fieldConfig"]["defaults"]["custom"]
    lines = {name: [(row[0], row[2]) for row in found] for name, found in groupby(rows, key=lambda row: row[1])}
    if custom.get("drawStyle") == "bars":
        _bars(axes, lines, as_shares=custom["stacking"]["mode"] == "percent", width=shown.seconds / DAY_S / 100)
    else:
        for name, points in lines.items():
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1, marker="." if len(points) < 2 else "")
    axes.set_xlim(shown.begin, shown.end)  # type: ignore[arg-type]
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M:%S" if shown.seconds < DAY_S else "%d %b"))  # type: ignore[no-untyped-call]
    axes.set_ylabel(panel["fieldConfig"]["defaults"]["unit"], fontsize=7)
    axes.legend(fontsize=6, loc="upper left")


def _bars(axes: Axes, lines: dict[str, list[tuple[datetime, float]]], *, as_shares: bool, width: float) -> None:
    sums: dict[datetime, float] = {}
    for points in lines.values():
        for at, value in points:
            sums[at] = sums.get(at, 0) + value
    below = dict.fromkeys(sums, 0.0)
    for name, points in lines.items():
        parts = {at: value / (sums[at] or 1) if as_shares else value for at, value in points}
        axes.bar(list(parts), list(parts.values()), width, bottom=[below[at] for at in parts], label=name)  # type: ignore[arg-type]
        for at, value in parts.items():
            below[at] += value


def _ranking(axes: Axes, answers: list[Answer], panel: Json, _: Period) -> None:
    rows = sorted((row for answer in answers for row in answer.rows), key=lambda row: row[-1] or 0)
    names = [str(row[-2])[:CUT] for row in rows]
    axes.barh(names, [float(row[-1] or 0) for row in rows], alpha=0.5)
    axes.set_yticks(names, names, ha="left")
    axes.tick_params(axis="y", length=0, pad=-6)
    axes.set_xlabel(panel["fieldConfig"]["defaults"]["unit"], fontsize=7)


def _number(axes: Axes, answers: list[Answer], *_: object) -> None:
    newest = {row[1]: row[2] for answer in answers for row in answer.rows}
    axes.axis("off")
    text = "\n".join(f"{name}: {value:.4g}" for name, value in newest.items())
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=9)


def _table(axes: Axes, answers: list[Answer], *_: object) -> None:
    (answer,) = answers
    axes.axis("off")
    cells = [[_cell(value) for value in row] for row in answer.rows[:ROWS]]
    drawn = axes.table(cells, colLabels=list(answer.columns), loc="upper left", cellLoc="left")
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(6)
    drawn.auto_set_column_width(list(range(len(answer.columns))))


def _cell(value: Any) -> str:
    text = (
        f"{value:.4g}" if isinstance(value, float) else f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
    )
    return text if len(text) <= CUT * 2 else f"{text[: CUT * 2]}…"


KINDS: dict[str, Callable[[Axes, list[Answer], Json, Period], None]] = {
    "timeseries": _lines,
    "bargauge": _ranking,
    "barchart": _ranking,
    "stat": _number,
    "table": _table,
}

if __name__ == "__main__":
    sys.exit(main())
