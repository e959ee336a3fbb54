"""The features of a day, a row each: where they are absent, zero or out of range, beside training and the usual days."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from quality.days import Days
from spark_jobs.feature_reference import MAY_BE_ABSENT, RANGES
from spark_jobs.features import FEATURE_COLUMNS, WITHOUT_HISTORY

LOST = 100.0
"""Values other than 0 that are usual on a day, from which on none at all is not chance."""


def features(days: Days, day: date, like: Sequence[date], null_shares: Mapping[str, float] | None) -> pd.DataFrame:
    """Returns a row for each feature of the day's payments.

    `absent` counts absent values of a feature that always has one, NaN for the others. `null_share_away` is how far the share of
    absent values is from that in training, NaN where that is not known. `is_in_range` is whether all values are in the feature's
    range. A feature `is_lost` that has no value but 0, and on the days `like` had others.
    """
    now, usual = profile(days, [day]), profile(days, like)
    rows = max(float(now["rows"].iloc[0]), 1.0)
    trained = pd.Series(null_shares or {}, dtype=float).reindex(list(FEATURE_COLUMNS))
    least, greatest = (
        np.array([infinite if (end := getattr(RANGES[name], side)) is None else end for name in FEATURE_COLUMNS], float)
        for side, infinite in (("least", -np.inf), ("greatest", np.inf))
    )
    inside = (now["least"] >= least) & (now["greatest"] <= greatest) & np.isfinite(now["least"]) & np.isfinite(now["greatest"])
    expected = usual["other"] / usual["rows"].clip(lower=1.0) * rows
    found = {
        "absent": now["absent"].where(~now.index.isin(MAY_BE_ABSENT)),
        "null_share_away": (now["absent"] / rows - trained).abs(),
        "is_in_range": inside | (now["absent"] == now["rows"]),
        "is_lost": (now["other"] == 0) & (expected >= LOST),
    }
    return pd.DataFrame(found).rename_axis("name").reset_index()


def profile(days: Days, all_of: Sequence[date]) -> pd.DataFrame:
    """Returns a row for each feature, over the payments of some days. A refund or a reversal is no payment, and has no features.

    It has the number of `rows`, how many values are `absent` or `other` than 0, and the `least` and the `greatest` one.
    """
    names, numbers = list(FEATURE_COLUMNS), np.zeros((3, len(FEATURE_COLUMNS)))
    ends = np.array([[np.inf], [-np.inf]]).repeat(len(names), axis=1)
    for day in all_of:
        for batch in days.batches("scored", ("transaction_type", *names), day):
            rows = batch.to_pandas()
            values = rows.reindex(columns=names).to_numpy(float)
            if "transaction_type" in rows:
                values = values[~rows["transaction_type"].isin(WITHOUT_HISTORY).to_numpy()]
            absent = np.isnan(values)
            numbers += np.stack([np.ones_like(absent), absent, ~absent & (values != 0)]).sum(axis=1)
            ends[0] = np.minimum(ends[0], np.where(absent, np.inf, values).min(axis=0, initial=np.inf))
            ends[1] = np.maximum(ends[1], np.where(absent, -np.inf, values).max(axis=0, initial=-np.inf))
    columns = dict(zip(("rows", "absent", "other", "least", "greatest"), (*numbers, *ends), strict=True))
    return pd.DataFrame(columns, index=names)
