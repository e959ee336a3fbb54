"""What payments, scores and results were like when a model was made: `reference.json` in its bundle.

It is of the days that the model has not learnt from, from the end of what it has learnt to the end of what it was judged on. It
travels with the model, so that it does not change with the archive.
"""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from training.bundle import Closed, Instant


class Histogram(Closed):
    """How many values lay where."""

    edges: tuple[float, ...] = Field(description="Where bins end, the value itself included; the last bin has no end")
    counts: tuple[int, ...] = Field(description="Values in each bin, and at the end how many were absent")
    dispersion: float = Field(ge=1, description="How many times as much its days differed as independent rows would")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.counts) != len(self.edges) + 2:
            raise ValueError(f"counts has {len(self.counts)} numbers for {len(self.edges)} edges")
        return self

    @property
    def bins(self) -> np.ndarray:
        """The edges, as `drift.counts_of` takes them."""
        return np.array(self.edges, float)


class Spread(Closed):
    """A metric over days that had frauds."""

    mean: float
    deviation: float = Field(ge=0, description="Standard deviation from day to day")
    days: int = Field(ge=1)


class Reference(Closed):
    """The days before a model was made."""

    begin: Instant = Field(alias="from", description="Their begin")
    end: Instant = Field(alias="to", description="Their end")
    payments: dict[str, Histogram] = Field(description="Each of the model's inputs, of all payments")
    alerts: dict[str, Histogram] = Field(description="The same, of payments at or above the review threshold; empty without one")
    scores: Histogram
    quality: dict[str, Spread] = Field(description="Each metric by day; empty where no day had a fraud")
    estimates: dict[str, float] = Field(
        description="How many times as much the truth was off the estimate from scores as it should have been; empty without one"
    )

    @property
    def days(self) -> int:
        """How many days it is of."""
        return (self.end - self.begin).days
