"""What a model learns from: each transaction as the detector saw it, by the detector's own code, and what is known of it by now."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs.features import FEATURE_COLUMNS, IS_PAYMENT, MODEL_INPUTS
from spark_jobs.pipeline import features
from spark_jobs.transforms.history import READINGS
from training.labels import that_count
from training.splits import Span, TooLittleHistory

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRANSACTION = ("transaction_id", "event_time", "card_id")
_IDENTITY = ("transaction_id", "card_id")
"""What a label names its transaction by."""

_LABEL = (*_IDENTITY, "labelled_at", "is_fraud", "scenario", "campaign_id", "source")


class Reach(NamedTuple):
    """Event times of the first and the last transaction."""

    first: datetime
    last: datetime


def known_by(events: DataFrame, until: datetime) -> DataFrame:
    """Returns the events that had happened, and as far as the data say had come, by a time.

    Where no label had come by then all of it was loaded later: a replay, an import. That says nothing of when labels were known.
    """

    def before(*times: str) -> Column:
        return reduce(Column.__and__, (F.coalesce(F.col(one) <= F.lit(until), F.lit(True)) for one in times))

    happened = events.where(before(*(f"{kind}.{one.known}" for kind, one in READINGS.items())))
    came = happened.where(before("ingest_time"))
    return happened if came.where("kind = 'label'").isEmpty() else came


def reach(events: DataFrame, until: datetime | None = None) -> Reach:
    """Returns from when to when the events' transactions are: to `until`, where that is given, whether there are some or not.

    Raises:
        TooLittleHistory: there are none.
    """
    times = events.where("kind = 'transaction'").select("transaction.event_time")
    found = times.selectExpr(*(f"unix_micros({one}(event_time))" for one in ("min", "max"))).first()
    if found is None or found[0] is None:
        raise TooLittleHistory("The data have no transaction", "Check `data`.")
    first, last = (EPOCH + timedelta(microseconds=one) for one in found)
    return Reach(first, until or last)


def labels_of(events: DataFrame, span: Span) -> int:
    """Returns how many labels there are of payments of these days."""
    at = F.col("label.event_time")
    return events.where((F.col("kind") == "label") & (at >= F.lit(span.begin)) & (at < F.lit(span.end))).count()


def keep(events: DataFrame, folder: Path) -> None:
    """Writes the events' payments, with their features, and labels as Parquet below the folder, which must not exist.

    A refund or a reversal is no payment: no model sees it.
    """
    both = [name for name in _LABEL if name in _TRANSACTION]
    found = features(events).where(f"kind = 'label' OR kind = 'transaction' AND {IS_PAYMENT}")
    found.selectExpr(
        "kind",
        *(f"coalesce(transaction.{name}, label.{name}) AS {name}" for name in both),
        *(f"transaction.{name}" for name in _TRANSACTION if name not in both),
        *(f"label.{name}" for name in _LABEL if name not in both),
        "double(transaction.amount) AS amount",
        *(f"features.{name}" for name in FEATURE_COLUMNS),
    ).write.partitionBy("kind").parquet(str(folder))


def payments(session: SparkSession, folder: Path) -> DataFrame:
    """Returns all payments that `keep` has written, with their features."""
    return session.read.parquet(f"{folder}/kind=transaction")


def read(folder: Path, span: Span, at: datetime) -> pd.DataFrame:
    """Returns the span's transactions by event_time: transaction_id, event_time, card_id, MODEL_INPUTS, and what their labels say.

    What was known `at` a time: is_fraud, labelled_at (NaT: there is no label), scenario and campaign_id. A transaction without a
    label counts as genuine: who is robbed complains. A repeat counts once, of several labels the one of `spark_jobs.label_rule`.
    """
    of_span = (pc.field("event_time") >= span.begin) & (pc.field("event_time") < span.end)
    rows = _read(folder, "transaction", (*_TRANSACTION, *MODEL_INPUTS), of_span)
    labels = _read(folder, "label", _LABEL)
    identity = list(_IDENTITY)
    # The order of what Spark has written hangs on how much else there is: the same model must come of the same rows.
    labels = labels[labels["labelled_at"] <= at].sort_values([*identity, "is_fraud"], kind="stable")
    known = that_count(labels).drop(columns="source")
    rows = rows.sort_values(["event_time", *identity], ignore_index=True).drop_duplicates(identity)
    rows = rows.merge(known, on=identity, how="left")
    rows["is_fraud"] = rows["is_fraud"].eq(True)
    return rows.reset_index(drop=True)


def as_known(rows: pd.DataFrame, at: datetime) -> pd.DataFrame:
    """Returns the rows with is_fraud as it was known at a time: a fraud that is labelled later is none yet."""
    return rows.assign(is_fraud=rows["is_fraud"] & (rows["labelled_at"] <= at))


def inputs(rows: pd.DataFrame) -> np.ndarray:
    """Returns the model's inputs, one row each, as double; NaN where absent."""
    return np.asarray(rows[list(MODEL_INPUTS)].to_numpy(float))


def usual(rows: pd.DataFrame) -> tuple[float | None, ...]:
    """Returns the usual value of each of MODEL_INPUTS: the median of the genuine rows, None where most of them have no value."""
    genuine = rows.loc[~rows["is_fraud"], list(MODEL_INPUTS)]
    absent = genuine.isna().mean() > 0.5
    return tuple(None if absent[name] else float(median) for name, median in genuine.median().items())


def _read(folder: Path, kind: str, columns: Sequence[str], wanted: pc.Expression | None = None) -> pd.DataFrame:
    place = folder / f"kind={kind}"
    if not place.exists():
        times = {name: "datetime64[us, UTC]" for name in columns if name in ("event_time", "labelled_at")}
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns}).astype(times)
    return pq.read_table(place, columns=list(columns), filters=wanted).to_pandas()
