"""The job that all engines do, apart from Kafka and state: a transaction's columns, its card's windows, the model.

The peers import this module in environments of their own, where NumPy and ONNX Runtime are, and this project's packages are not.
Each row-wise column is here twice, as Spark SQL in COLUMNS and as Python in `row_of`: the benchmark fails where the two differ.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import nan
from typing import Any, NamedTuple

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

FEATURE_SET = "peers"
"""Name of INPUTS for the detector's scorer, which refuses a model of other features."""
HOUR, DAY = 3_600_000_000, 86_400_000_000
WINDOWS = ("card_count_1h", "card_count_1d", "card_sum_amount_1h", "card_sum_amount_1d")
"""What is known of the card: exact, per event, (t - w, t] in event time, as the detector has them."""
COLUMNS: Mapping[str, str] = {
    "hour": "hour(event_time)",
    "weekday": "weekday(event_time)",
    "is_weekend": "weekday(event_time) >= 5",
    "is_night": "hour(event_time) <= 6",
    "is_ecom": "channel = 'ecom'",
    "is_declined": "response_code <> 'approved'",
    "is_vpn": "coalesce(vpn, false)",
    "is_whole": "amount % 1 = 0",
    "amount_to_mean_1d": "double(amount) * card_count_1d / card_sum_amount_1d",
    "share_of_hour": "card_count_1h / card_count_1d",
}
"""The ten row-wise columns, as Spark SQL over the transaction's fields and WINDOWS."""
INPUTS = ("amount", *WINDOWS, *COLUMNS)
"""What the model takes, in order."""
Row = Sequence[float]
"""The values of INPUTS; NaN where absent."""
Windows = tuple[int, int, float, float]
"""The values of WINDOWS."""


class Payment(NamedTuple):
    """What the windows need of a transaction: microseconds since 1970, cents, and what was parsed already."""

    moment: datetime
    time: int
    cents: int


def payment_of(transaction: Mapping[str, Any]) -> Payment:
    """Returns when and how much."""
    moment = datetime.fromisoformat(transaction["event_time"])
    return Payment(moment, round(moment.timestamp() * 1_000_000), round(float(transaction["amount"]) * 100))


class CardWindows:
    """A card's payments of the last day, and running sums in cents, which are exact.

    Payments come in the order of their times, as they do in the benchmark's topic; the detector takes late ones too.
    """

    __slots__ = ("_day", "_day_cents", "_hour", "_hour_cents")

    def __init__(self, payments: Iterable[tuple[int, int]] = ()) -> None:
        self._hour: deque[tuple[int, int]] = deque()
        self._day: deque[tuple[int, int]] = deque()
        self._hour_cents = self._day_cents = 0
        for time, cents in payments:
            self.add(time, cents)

    def add(self, time: int, cents: int) -> Windows:
        """Returns the values of WINDOWS for one more payment, itself included."""
        hour, day = self._hour, self._day
        hour.append((time, cents))
        day.append((time, cents))
        self._hour_cents += cents
        self._day_cents += cents
        while hour[0][0] <= time - HOUR:
            self._hour_cents -= hour.popleft()[1]
        while day[0][0] <= time - DAY:
            self._day_cents -= day.popleft()[1]
        return len(hour), len(day), self._hour_cents / 100, self._day_cents / 100

    def payments(self) -> tuple[tuple[int, int], ...]:
        """Returns the payments from which these windows can be made anew."""
        return tuple(self._day)


def row_of(transaction: Mapping[str, Any], payment: Payment, windows: Windows) -> Row:
    """Returns the values of INPUTS."""
    hour, weekday, amount = payment.moment.hour, payment.moment.weekday(), payment.cents / 100
    count_1h, count_1d, _, sum_1d = windows
    return [
        amount,
        *windows,
        hour,
        weekday,
        int(weekday >= 5),
        int(hour <= 6),
        int(transaction["channel"] == "ecom"),
        int(transaction["response_code"] != "approved"),
        int(transaction.get("vpn") or 0),
        int(payment.cents % 100 == 0),
        amount * count_1d / sum_1d if sum_1d else nan,
        count_1h / count_1d,
    ]


class Model:
    """The ONNX model on the thread that calls, as the detector has it."""

    def __init__(self, file: str) -> None:
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name
        self._row, self._found = np.zeros((1, len(INPUTS)), np.float32), np.zeros((1, 2), np.float32)
        self._bound = self._session.io_binding()
        for bind, name, array in (
            (self._bound.bind_input, self._input, self._row),
            (self._bound.bind_output, self._output, self._found),
        ):
            bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def score(self, row: Row) -> float:
        """Returns the score of one row; its memory is used again, a third less time than with new arrays."""
        self._row[0] = row
        self._session.run_with_iobinding(self._bound)
        return float(self._found[0, 1])

    def scores(self, rows: Sequence[Row]) -> list[float]:
        """Returns the scores of rows that are there at once: a third of the time a row."""
        found: list[float] = self._session.run([self._output], {self._input: np.array(rows, np.float32)})[0][:, 1].tolist()
        return found
