"""Whether features are what their definition says they can be."""

import numpy as np
import pandas as pd

from spark_jobs.feature_reference import MAY_BE_ABSENT, RANGES
from spark_jobs.features import FEATURE_COLUMNS


def assert_in_range(features: pd.DataFrame) -> None:
    """Fails where a payment's feature is out of its stated range, infinite, or absent though it always has a value."""
    assert len(features)
    for name in FEATURE_COLUMNS:
        values, range_ = features[name].to_numpy(float), RANGES[name]
        least, greatest = (
            -np.inf if range_.least is None else range_.least,
            np.inf if range_.greatest is None else range_.greatest,
        )
        wrong = np.isinf(values) | (values < least) | (values > greatest) | (np.isnan(values) & (name not in MAY_BE_ABSENT))
        examples = [(features.index[place], values[place]) for place in np.flatnonzero(wrong)[:3]]
        assert not wrong.any(), f"{name}, which is {range_}: {wrong.sum()} of {len(values)} rows are wrong, such as {examples}"
