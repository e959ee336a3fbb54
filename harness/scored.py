"""A lake of scored payments and their labels, as the archiver leaves it: what `fraud models health` reads, without a detector."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

from spark_jobs.features import FEATURE_COLUMNS
from training.bundle import Manifest


def lake(
    folder: Path,
    rows: pd.DataFrame,
    scores: np.ndarray,
    manifest: Manifest,
    delta: bool = False,
    challenger: tuple[str, np.ndarray] | None = None,
) -> Path:
    """Returns the folder with payments, those of `dataset.read`, that a model has scored, and with a label for each.

    `challenger`: one that has scored beside it, and its scores, NaN where it has not.
    """
    scored = rows[["transaction_id", "card_id", "event_time", "amount", *FEATURE_COLUMNS]].assign(
        fraud_score=scores,
        model_version=manifest.version,
        decision=np.where(scores >= (manifest.thresholds.review or 2), "review", "approve"),
    )
    if challenger:
        version, theirs = challenger
        scored = scored.assign(
            challenger_score=theirs, challenger_version=pd.Series(version, scored.index).where(~np.isnan(theirs))
        )
    table = pa.Table.from_pandas(scored, preserve_index=False)
    money = table["amount"].cast(pa.decimal128(14, 3), safe=False)
    _write(folder / "scored", table.set_column(table.schema.get_field_index("amount"), "amount", money), "event_time", delta)
    known = rows.loc[rows["labelled_at"].notna(), ["transaction_id", "card_id", "event_time", "labelled_at", "is_fraud"]]
    labels = pa.Table.from_pandas(known.assign(source="issuer"), preserve_index=False)
    _write(folder / "labels", labels.append_column("labelled_by", pa.nulls(len(labels), pa.string())), "labelled_at", delta)
    return folder


def _write(folder: Path, table: pa.Table, time: str, delta: bool) -> None:
    """Writes a dataset, in folders by the day of its time."""
    dated = table.append_column("date", table[time].cast(pa.date32()))
    if delta:
        write_deltalake(folder, dated, partition_by=["date"])
    else:
        pq.write_to_dataset(dated, folder, partition_cols=["date"])
