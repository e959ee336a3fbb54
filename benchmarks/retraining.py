"""What retraining is worth: twelve weeks of attackers, one of whom changes, by a model a week and by the first one alone.

A section of docs/benchmarks.md. Each week a model is made of what was known then, as `fraud train --until` makes it, and takes the
champion's place if it is not worse on the same days. The week that follows is scored by the champion, as it would have been.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from benchmarks.history import session_of_two
from benchmarks.page import err, made, table
from producer import dataset as traffic
from producer.settings import DatasetSettings
from spark_jobs import sources
from spark_jobs.settings import S3
from training import dataset
from training.bundle import MODEL, REFERENCE, describe
from training.calibration import calibrated
from training.candidates import train
from training.dataset import Reach, inputs
from training.export import onnx_scores
from training.fitting import Rival, judged
from training.metrics import Metrics, measure, recall_by_scenario
from training.splits import DAY, WEEK, Span
from training.train_settings import TrainSettings

BEGIN = datetime(2018, 4, 1, tzinfo=UTC)
BEFORE, WEEKS = 56, 12
"""Days that the first model is made of, and weeks that follow. The adaptive attacker changes on day 45 (`producer.campaigns`), of
which the first model knows nothing: what it has learnt from ended on day 21."""
LAST = 4
END = BEGIN + BEFORE * DAY + (WEEKS + 1) * WEEK
"""A week after the last one: by then its labels have come."""
COLUMNS = ("week from", "promoted", "AP weekly", "AP never", "CP@100 weekly", "CP@100 never", "adaptive found, weekly")
KEPT = Path(".runtime/retraining")
"""The world's features: made once, and used again by the next run."""


class Week(NamedTuple):
    """One week, scored by the champion of the loop and by the model that nobody has replaced."""

    begin: datetime
    promoted: bool
    weekly: Metrics
    never: Metrics
    scenarios: pd.DataFrame
    """Of the loop: `training.metrics.recall_by_scenario`."""
    of_never: pd.DataFrame


def section() -> str:
    """Returns the text of the section."""
    weeks = list(loop(made(KEPT / "events", _events)))
    days = (END - BEGIN) // DAY
    return f"""\
`producer dataset --traffic all --days {days}`: the Handbook's payments and frauds, and nine attacks, of which *adaptive* changes
from large to small amounts on day 45. The first model is made at the end of day {BEFORE}, of what was known then. *Weekly*: each
week `fraud train --until` makes another one, and it is promoted unless it is worse on the same days. *Never*: the first one stays.
Each week is scored by the model that was champion when it began.

{table(COLUMNS, [*map(_row, weeks), _mean(weeks)])}

Of the last {LAST} weeks, the share of frauds that are found where a hundred cards a day are looked at:

{table(("scenario", "frauds", "weekly", "never"), list(_by_scenario(weeks[-LAST:])))}

(Goal: weekly .9 of each of the nine attacks.)

The newest payment that a model learns from is 35 days old when the model is made: three times a label takes a week, and a week each
is calibrated and judged on. So the first weeks after day 45 are scored by models that know little or nothing of the change, and for
as long *adaptive* is found as the last column says.

`card_testing` is the hundred cards themselves: of the last four weeks one campaign is judged, of 102 cards on 2018-08-15. That day
has 144 cards with a fraud, of which nobody who looks at a hundred can find more."""


def loop(events: Path) -> Iterator[Week]:
    """Yields each week as it is done, and shows it."""
    rows = dataset.read(events, Span(BEGIN + (BEFORE - 14) * DAY, END - WEEK), END)
    champion = first = None
    for number in range(WEEKS):
        until = BEGIN + BEFORE * DAY + number * WEEK
        candidate, better = _trained(events, until, champion)
        if champion is None or better:
            champion = candidate
        first = first or candidate
        week = judged(rows, Span(until, until + WEEK))
        scores = {name: _scores(model, week) for name, model in (("weekly", champion), ("never", first))}
        found = Week(
            until,
            champion is candidate,
            *(measure(week, one) for one in scores.values()),
            *(recall_by_scenario(week, one) for one in scores.values()),
        )
        err.print(*_row(found))
        yield found


def _trained(events: Path, until: datetime, champion: Rival | None) -> tuple[Rival, bool]:
    """Returns a model of what was known by then, and whether it is at least as good as the champion on the same days."""
    settings = TrainSettings(data=str(events), until=until)
    candidate = train(settings, events, Reach(BEGIN, until), champion)
    files = {MODEL: candidate.content, REFERENCE: candidate.reference.to_json()}
    beside = (candidate.report["champion"] or {}).get("average_precision", 0.0)
    better = candidate.known.metrics["average_precision"] >= beside
    return Rival(describe("xgboost", candidate.known, files, until), files), better


def _scores(model: Rival, rows: pd.DataFrame) -> Any:
    assert model.manifest.calibration is not None
    return calibrated(model.manifest.calibration, onnx_scores(model.files[MODEL], inputs(rows)))


def _events(folder: Path) -> None:
    """Writes the features of the world into the folder."""
    world: dict[str, Any] = {"out": KEPT / "world", "traffic": "all", "days": (END - BEGIN) // DAY, "start": BEGIN}
    made(KEPT / "world", lambda out: traffic.write(DatasetSettings(**{**world, "out": out})))
    spark = session_of_two(KEPT)
    try:
        dataset.keep(sources.read_history(spark, str(KEPT / "world"), S3()), folder)
    finally:
        spark.stop()


def _row(week: Week) -> tuple[Any, ...]:
    pairs = ((week.weekly.average_precision, week.never.average_precision), (week.weekly.card_precision, week.never.card_precision))
    adaptive = week.scenarios["recall"].get("adaptive")
    found = (*(f"{one:.3f}" for pair in pairs for one in pair), "none made" if adaptive is None else f"{adaptive:.3f}")
    return f"{week.begin:%Y-%m-%d}", "yes" if week.promoted else "no", *found


def _mean(weeks: list[Week]) -> tuple[Any, ...]:
    columns = [[float(row[place]) for row in map(_row, weeks)] for place in range(2, 6)]
    return "mean", sum(one.promoted for one in weeks), *(f"{sum(one) / len(one):.3f}" for one in columns), ""


def _by_scenario(weeks: list[Week]) -> Iterator[tuple[Any, ...]]:
    weekly, never = (_together([getattr(one, name) for one in weeks]) for name in ("scenarios", "of_never"))
    for name in sorted(weekly.index, key=lambda name: -weekly["recall"][name]):
        yield f"`{name}`", int(weekly["frauds"][name]), f"{weekly['recall'][name]:.3f}", f"{never['recall'][name]:.3f}"


def _together(scenarios: list[pd.DataFrame]) -> pd.DataFrame:
    found = pd.concat(scenarios).assign(recall=lambda one: one["recall"] * one["frauds"]).groupby(level=0).sum()
    return found.assign(recall=found["recall"] / found["frauds"])
