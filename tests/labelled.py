"""Labelled payments without a kernel: the files that a model is trained on, of a world in which something can be learnt."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from spark_jobs.features import MODEL_INPUTS
from training.splits import WEEK

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SPARSE = ("speed_kmh", "is_vpn", "terminal_fraud_seconds_since_last_30d_delay_7d")


def payments(days: int = 50, a_day: int = 300, seed: int = 0) -> pd.DataFrame:
    """Returns transactions with their labels; one in thirty is fraud, and most of these are large or fast."""
    draws = np.random.default_rng(seed)
    rows = days * a_day
    values = pd.DataFrame(draws.gamma(2.0, 10.0, (rows, len(MODEL_INPUTS))), columns=list(MODEL_INPUTS))
    fraud = draws.random(rows) < 1 / 30
    values.loc[fraud & (draws.random(rows) < 0.7), "amount"] *= 8
    values.loc[fraud & (draws.random(rows) < 0.5), "card_count_1h"] *= 6
    for name in SPARSE:
        values.loc[draws.random(rows) < 0.6, name] = np.nan
    seconds = np.sort(draws.integers(0, days * 86_400, rows))
    at = pd.Series(pd.to_datetime(BEGIN) + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us, UTC]")
    frame = pd.DataFrame({"transaction_id": [f"t{number}" for number in range(rows)], "event_time": at})
    frame["card_id"] = draws.integers(0, 200, rows).astype(str)
    frame["labelled_at"], frame["is_fraud"] = at + WEEK, fraud
    frame["scenario"] = np.where(fraud, "theft", None)
    frame["campaign_id"] = frame["source"] = None
    return pd.concat([frame, values], axis=1)


def kept(folder: Path, rows: pd.DataFrame, labels: pd.DataFrame | None = None) -> Path:
    """Returns the folder, with the rows as `dataset.keep` writes them."""
    label = ["transaction_id", "card_id", "labelled_at", "is_fraud", "scenario", "campaign_id", "source"]
    frames = {"transaction": rows.drop(columns=label[2:]), "label": (rows if labels is None else labels)[label]}
    for kind, frame in frames.items():
        (folder / f"kind={kind}").mkdir(parents=True)
        frame.to_parquet(folder / f"kind={kind}" / "part.parquet", index=False)
    return folder
