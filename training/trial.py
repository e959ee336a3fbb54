"""A model of somebody else's, tried before it may score: on usual payments, on those that lack something, on extreme ones."""

from collections.abc import Iterator

import numpy as np

from configuration import FraudDetectionError
from spark_jobs.feature_reference import MAY_BE_ABSENT, RANGES
from spark_jobs.vocabulary import Range
from training.bundle import Description

NUMBERS = {"tensor(float)": np.float32, "tensor(double)": np.float64}
FORM = "It takes one input [N, features], float or double; the last column of its last output, [N], [N, 1] or [N, 2], is the score."
FILL = "Let the model replace what is absent, as an imputer in front of it does, or make it without that feature."
CALIBRATE = "Let it end in a probability, or give `calibration` in its manifest, which makes a fraud_score of what it puts out."

LARGE = 1e9
"""Stands for the end of a range that has none: an amount in yen, seconds of thirty years."""
ROUNDING = 1e-6
"""By how much a score may leave [0, 1]: sums of floats do. The kernel has the same (Bundle.java)."""


class NotAModel(FraudDetectionError):
    """The file is no ONNX model of the inputs that its manifest names, or it does not score every payment."""


def require_scores(name: str, model: bytes, known: Description) -> None:
    """Runs the model on payments that can be, by the engine that the detector has for it.

    Raises:
        NotAModel: it cannot be run, or one of them gets no number, or one outside of 0 to 1 that no calibration maps; says which.
    """
    tried = dict(_payments(known))
    found = _run(name, model, np.array(list(tried.values())))
    for payment, score in zip(tried, found, strict=True):
        if np.isnan(score):
            raise NotAModel(f"{name} gives no number for {payment}", FILL)
        if known.calibration is None and not -ROUNDING <= score <= 1 + ROUNDING:
            raise NotAModel(f"{name} gives {score:.4g} for {payment}, and a fraud_score is from 0 to 1", CALIBRATE)


def _payments(known: Description) -> Iterator[tuple[str, list[float]]]:
    """Returns rows by what they are called; those that name a feature come before those that may fail for the same reason."""
    ranges = [RANGES.get(name, Range(0)) for name in known.features]  # a model's one other input is the amount
    given = known.usual or (None,) * len(ranges)
    least = [-LARGE if one.least is None else one.least for one in ranges]
    greatest = [LARGE if one.greatest is None else one.greatest for one in ranges]
    whole = [min(max(0.0, low), high) if usual is None else usual for usual, low, high in zip(given, least, greatest, strict=True)]
    yield "a payment of which everything is known", whole
    may_lack = [name in MAY_BE_ABSENT for name in known.features]
    for place, name in enumerate(known.features):
        if may_lack[place]:
            yield f"a payment without {name}", _with(whole, place, np.nan)
        for value in (least[place], greatest[place]):
            yield f"a payment whose {name} is {value:g}", _with(whole, place, value)
    rest = list(zip(whole, may_lack, given, strict=True))
    yield "a payment without all that can be absent", [np.nan if may else value for value, may, _ in rest]
    yield "a payment of usual values", [np.nan if may and usual is None else value for value, may, usual in rest]


def _with(row: list[float], place: int, value: float) -> list[float]:
    return [*row[:place], value, *row[place + 1 :]]


def _run(name: str, model: bytes, rows: np.ndarray) -> np.ndarray:
    """Returns a score a row."""
    import onnxruntime  # slow to import, and few commands need it

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (one,) = session.get_inputs()
        found = np.asarray(session.run(None, {one.name: rows.astype(NUMBERS[one.type])})[-1])
    except Exception as error:  # the engine's own have no class in common
        why = " ".join(str(error).split())[:300]
        raise NotAModel(f"{name} is no model of {rows.shape[1]} features: {why}", FORM) from None
    if found.dtype not in NUMBERS.values() or found.shape not in ((len(rows),), (len(rows), 1), (len(rows), 2)):
        raise NotAModel(f"{name} does not end in one score a row", FORM)
    return found.reshape(len(rows), -1)[:, -1]
