"""What a model was given and what it gave, and what is known of it by now: read from the archiver's lake, without a JVM."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from training.bundle import Manifest
from training.labels import that_count
from training.lake import Lake, NoLake
from training.splits import WEEK, Span, without_known_cards

IDENTITY = ["transaction_id", "card_id"]
_PAYMENT = (*IDENTITY, "event_time", "amount", "decision", "fraud_score")
_LABEL = (*IDENTITY, "event_time", "labelled_at", "is_fraud", "source", "labelled_by")


class Served:
    """The scored payments of one model, by day of event_time in UTC; with a challenger those that it has scored too."""

    def __init__(self, lake: Lake, manifest: Manifest, challenger: str | None = None) -> None:
        """Looks what is there.

        Raises:
            NoLake: the place has no scored payments.
            UnusableStorage: it cannot be reached.
        """
        scored = lake.rows("scored")
        if scored is None:
            raise NoLake(f"{lake.place} has no scored payments", "Name the `path` of one of the archiver's sinks.")
        self._lake, self._scored, self._labels = lake, scored, lake.rows("labels")
        self._inputs = tuple(manifest.features)
        self._is_of_model = (pc.field("model_version") == manifest.version) & pc.field("fraud_score").is_valid()
        self._beside = () if challenger is None else ("challenger_score",)
        if challenger is not None:
            both = (pc.field("challenger_version") == challenger) & pc.field("challenger_score").is_valid()
            self._is_of_model = self._is_of_model & both

    def days(self) -> list[date]:
        """Returns the days of which the lake has scored payments, of any model, the oldest first; no file is read for it."""
        with self._lake.reached():
            keys = [ds.get_partition_keys(one.partition_expression) for one in self._scored.get_fragments()]
        return sorted({one["date"] for one in keys})

    def payments(self, day: date, inputs: bool = True) -> pd.DataFrame:
        """Returns the payments of a day, with the model's inputs as they were served, NaN where absent; a repeat counts once."""
        names = dict.fromkeys((*_PAYMENT, *self._beside, *(self._inputs if inputs else ())))
        columns = {name: pc.field(name) for name in names}
        columns["amount"] = columns["amount"].cast(pa.float64())
        with self._lake.reached():
            found = self._scored.to_table(columns=columns, filter=(pc.field("date") == pa.scalar(day)) & self._is_of_model)
        rows = found.to_pandas().drop_duplicates(IDENTITY)
        return rows.sort_values(["event_time", "transaction_id"], ignore_index=True)

    def labels(self, begin: datetime, end: datetime) -> pd.DataFrame:
        """Returns all labels with a `labelled_at` from `begin` to before `end`, as they were sent."""
        if self._labels is None:
            return _none()
        known = (pc.field("labelled_at") >= pa.scalar(begin)) & (pc.field("labelled_at") < pa.scalar(end))
        days = (pc.field("date") >= pa.scalar(begin.date())) & (pc.field("date") <= pa.scalar(end.date()))
        with self._lake.reached():
            return self._labels.to_table(columns=list(_LABEL), filter=days & known).to_pandas()


def day_of(day: date) -> Span:
    """Returns the day from midnight to midnight, UTC."""
    begin = datetime.combine(day, time(), UTC)
    return Span(begin, begin + timedelta(days=1))


def with_truth(payments: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Returns the payments with is_fraud and labelled_at of these labels; one without a label is genuine, as in training."""
    known = that_count(labels)[[*IDENTITY, "labelled_at", "is_fraud"]]
    rows = payments.merge(known, on=IDENTITY, how="left")
    return rows.assign(is_fraud=rows["is_fraud"].eq(True))


def judged(rows: pd.DataFrame, labels: pd.DataFrame, day: date) -> pd.DataFrame:
    """Returns a day's rows without those of cards whose fraud was known when it began, as the trainer judges a model."""
    span, columns = day_of(day), ["event_time", "card_id", "is_fraud", "labelled_at"]
    before = that_count(labels[labels["labelled_at"] < span.begin])
    earlier = before.loc[before["is_fraud"].astype(bool) & (before["event_time"] < span.begin), columns]
    both = pd.concat([rows[columns], earlier], ignore_index=True)
    kept = without_known_cards(both.assign(is_fraud=both["is_fraud"].astype(bool)), span, both["labelled_at"]).index
    return rows.loc[kept]


def known_before(day: date) -> datetime:
    """Returns from when on labels may say that a card's fraud is known on a day."""
    return day_of(day).begin - WEEK


def _none() -> pd.DataFrame:
    columns: Sequence[str] = _LABEL
    times = {name: "datetime64[us, UTC]" for name in columns if name in ("event_time", "labelled_at")}
    return pd.DataFrame({name: pd.Series(dtype=object) for name in columns}).astype(times)
