"""Every feature from its definition, with pandas and numpy: no line of it is the product's.

Holds for a data set in which a label is known exactly seven days after its transaction, and merchants before all transactions.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

DAY = 86_400_000_000
SPANS = {"10m": 600_000_000, "1h": 3_600_000_000} | {f"{days}d": days * DAY for days in (1, 7, 14, 28, 30)}
EARTH_KM = 6371.0
COLUMNS = (
    *("transaction_id", "event_time", "card_id", "terminal_id", "amount", "response_code", "latitude", "longitude", "device_id"),
    *("vpn", "is_fraud"),
)


class Keyed:
    """Transactions in the order (key, time, id), and where each one's windows begin."""

    def __init__(self, rows: pd.DataFrame, *key: str) -> None:
        codes = rows.groupby(list(key), sort=False, dropna=True).ngroup().fillna(-1).to_numpy(np.int64)
        times = _micros(rows["event_time"])
        times -= times.min()
        self._span = int(times.max()) + 100 * DAY
        self.order = np.lexsort((rows["transaction_id"].to_numpy(), times, codes))
        self.places = codes[self.order] * self._span + times[self.order] + 50 * DAY
        self.here = np.arange(len(rows))
        self.absent = codes[self.order] < 0
        self._back = np.argsort(self.order, kind="stable")

    def first_after(self, before: int) -> np.ndarray:
        """Returns for each row the first one of its key with time > t - before."""
        return np.asarray(np.searchsorted(self.places, self.places - before, side="right"))

    def window(self, span: int, delay: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Returns first row and the one behind the last of (t - delay - span, t - delay]; ties of t by id."""
        return self.first_after(delay + span), self.first_after(delay) if delay else self.here + 1

    def sorted(self, column: pd.Series) -> np.ndarray:
        """Returns a column's values in the order of the keys."""
        return np.asarray(column.to_numpy()[self.order])

    def back(self, values: np.ndarray) -> np.ndarray:
        """Returns values in the order of the data set."""
        return values[self._back]


def oracle(data: Path) -> pd.DataFrame:
    """Returns the features of all transactions of a data set, indexed by transaction_id; absent is NaN."""
    transactions = pd.read_parquet(data / "transactions", columns=list(COLUMNS))
    labels = pd.read_parquet(data / "labels", columns=["transaction_id", "is_fraud"])
    return features(transactions, labels, pd.read_parquet(data / "customers"), pd.read_parquet(data / "merchants"))


def features(transactions: pd.DataFrame, labels: pd.DataFrame, customers: pd.DataFrame, merchants: pd.DataFrame) -> pd.DataFrame:
    """Returns the features of all transactions, indexed by transaction_id; absent is NaN."""
    rows = transactions.merge(labels[["transaction_id", "is_fraud"]], on="transaction_id", suffixes=("_inline", "")).reset_index()
    found = dict(_terminal(rows)) | dict(_card(rows))
    made = pd.DataFrame(found | dict(_by_row(rows, found, customers, merchants)))
    return made.set_index(rows["transaction_id"])


def _terminal(rows: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    keyed = Keyed(rows, "terminal_id")
    fraud, declined = keyed.sorted(rows["is_fraud"]).astype(int), keyed.sorted(rows["response_code"] != "approved").astype(int)
    cents = _cents(keyed.sorted(rows["amount"]))
    for name in ("10m", "1h", "1d"):
        first, end = keyed.window(SPANS[name])
        yield f"terminal_count_{name}", keyed.back(end - first)
        yield f"terminal_unique_count_card_id_{name}", keyed.back(_unique(keyed.sorted(rows["card_id"]), first))
    for name in ("10m", "1h"):
        yield f"terminal_declined_count_{name}", keyed.back(_sum(declined, *keyed.window(SPANS[name])))
    for name in ("1d", "7d", "14d", "28d", "30d"):
        first, end = keyed.window(SPANS[name], 7 * DAY)
        yield f"terminal_count_{name}_delay_7d", keyed.back(end - first)
        yield f"terminal_fraud_count_{name}_delay_7d", keyed.back(_sum(fraud, first, end))
    for name in ("1h", "1d", "30d"):
        first, end = keyed.window(SPANS[name])
        yield f"terminal_average_amount_{name}", keyed.back(_sum(cents, first, end) / (end - first) / 100)
    first, end = keyed.window(SPANS["30d"], 7 * DAY)
    for name, which in (("fraud", fraud == 1), ("genuine", fraud == 0)):
        last = _last(which, end)
        since = (keyed.places - keyed.places[last]) / 1e6
        yield f"terminal_{name}_seconds_since_last_30d_delay_7d", keyed.back(np.where(last >= first, since, np.nan))


def _card(rows: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    keyed = Keyed(rows, "card_id")
    cents, declined = _cents(keyed.sorted(rows["amount"])), keyed.sorted(rows["response_code"] != "approved").astype(int)
    for name in ("10m", "1h", "1d", "7d", "30d"):
        first, end = keyed.window(SPANS[name])
        yield f"card_count_{name}", keyed.back(end - first)
        if name in ("1h", "1d"):
            yield f"card_sum_amount_{name}", keyed.back(_sum(cents, first, end) / 100)
            yield f"card_declined_count_{name}", keyed.back(_sum(declined, first, end))
            yield f"card_unique_count_terminal_id_{name}", keyed.back(_unique(keyed.sorted(rows["terminal_id"]), first))
        if name in ("1d", "7d", "30d"):
            yield f"card_average_amount_{name}", keyed.back(_sum(cents, first, end) / (end - first) / 100)
        if name in ("7d", "30d"):
            mean = _sum(cents, first, end) / (end - first)
            yield f"card_variance_amount_{name}", keyed.back(_sum_of_squares(cents, mean, first, end) / (end - first) / 10_000)
    first, end = keyed.window(SPANS["30d"])
    yield "card_max_amount_30d", keyed.back(_largest(cents, first) / 100)
    yield (
        "card_fraud_count_30d_delay_7d",
        keyed.back(_sum(keyed.sorted(rows["is_fraud"]).astype(int), *keyed.window(SPANS["30d"], 7 * DAY))),
    )
    previous = keyed.here - 1
    since = (keyed.places - keyed.places[previous]) / 1e6
    yield "card_seconds_since_last_30d", keyed.back(np.where(previous >= first, since, np.nan))
    located = keyed.sorted(rows["latitude"].notna())
    last = _last(located, keyed.here)
    yield (
        "card_seconds_since_last_latitude_30d",
        keyed.back(np.where(last >= first, (keyed.places - keyed.places[last]) / 1e6, np.nan)),
    )
    for name in ("latitude", "longitude"):
        values = keyed.sorted(rows[name])[last]
        yield f"card_last_{name}_30d", keyed.back(np.where(last >= first, values, np.nan))
    for name in ("device_id", "terminal_id"):
        same = Keyed(rows, "card_id", name)
        begin, behind = same.window(SPANS["30d"])
        yield f"card_count_same_{name}_30d", same.back(np.where(same.absent, np.nan, behind - begin))


def _by_row(
    rows: pd.DataFrame, found: dict[str, np.ndarray], customers: pd.DataFrame, merchants: pd.DataFrame
) -> Iterator[tuple[str, np.ndarray]]:
    amount = rows["amount"].astype(float).to_numpy()
    yield "is_weekend", (rows["event_time"].dt.dayofweek >= 5).to_numpy().astype(float)
    yield "is_night", (rows["event_time"].dt.hour <= 6).to_numpy().astype(float)
    for name in ("1d", "7d", "14d", "28d", "30d"):
        count, frauds = found[f"terminal_count_{name}_delay_7d"], found[f"terminal_fraud_count_{name}_delay_7d"]
        yield f"terminal_risk_{name}", np.where(count > 0, frauds / np.maximum(count, 1), 0.0)
    for name in ("7d", "30d"):
        count, mean = found[f"card_count_{name}"], found[f"card_average_amount_{name}"]
        past = (mean * count - amount) / np.where(count > 1, count - 1, np.nan)
        yield f"amount_to_past_mean_{name}", amount / np.where(past == 0, np.nan, past)
        deviation = np.sqrt(found[f"card_variance_amount_{name}"])
        yield f"amount_z_score_{name}", (amount - mean) / np.where(deviation == 0, np.nan, deviation)
    yield "amount_to_terminal_mean_30d", amount / found["terminal_average_amount_30d"]
    place = (rows["latitude"].to_numpy(float), rows["longitude"].to_numpy(float))
    hours = found["card_seconds_since_last_latitude_30d"] / 3600
    journey = _distance(found["card_last_latitude_30d"], found["card_last_longitude_30d"], *place)
    yield "speed_kmh", journey / np.where(hours == 0, np.nan, hours)
    holder = _newest(rows, customers)
    yield "home_distance_km", _distance(holder["home_latitude"].to_numpy(), holder["home_longitude"].to_numpy(), *place)
    owner = rows[["terminal_id"]].merge(merchants, on="terminal_id", how="left")
    today = rows["event_time"].dt.tz_localize(None).dt.normalize()
    yield "account_age_days", (today - pd.to_datetime(holder["signup_date"])).dt.days.to_numpy(float)
    yield "terminal_age_days", (today - pd.to_datetime(owner["onboarding_date"])).dt.days.to_numpy(float)
    yield "is_vpn", rows["vpn"].astype(float).to_numpy()


def _newest(rows: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Returns for each row the newest version of its card's profile that is not younger, in the order of the rows."""
    asked = rows[["card_id", "event_time"]].reset_index(drop=True).reset_index(names="place").sort_values("event_time")
    versions = customers.sort_values("updated_at")
    found = pd.merge_asof(asked, versions, left_on="event_time", right_on="updated_at", by="card_id")
    return found.sort_values("place", ignore_index=True)


def _micros(times: pd.Series) -> np.ndarray:
    return np.asarray(times.dt.as_unit("us").astype("int64").to_numpy().copy())


def _cents(amounts: np.ndarray) -> np.ndarray:
    return np.array([int(amount * 100) for amount in amounts], dtype=np.int64)


def _sum(values: np.ndarray, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    running = np.concatenate(([0], np.cumsum(values)))
    return np.asarray(running[end] - running[first])


def _sum_of_squares(values: np.ndarray, mean: np.ndarray, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the sums of squared distances from the window's mean, each window for itself: no cancellation."""
    return np.array([np.square(values[one:other] - middle).sum() for one, other, middle in zip(first, end, mean, strict=True)])


def _largest(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.array([values[begin : place + 1].max() for place, begin in enumerate(first)])


def _last(which: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the last place before `end` at which `which` holds, -1 where there is none."""
    places = np.maximum.accumulate(np.where(which, np.arange(len(which)), -1))
    return np.where(end > 0, places[np.maximum(end, 1) - 1], -1)


def _unique(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    codes = pd.factorize(values)[0].tolist()
    inside: Counter[int] = Counter()
    out, begin = np.empty(len(codes)), 0
    for place, (code, start) in enumerate(zip(codes, first.tolist(), strict=True)):
        inside[code] += 1
        while begin < start:
            gone = codes[begin]
            inside[gone] -= 1
            if not inside[gone]:
                del inside[gone]
            begin += 1
        out[place] = len(inside)
    return out


def _distance(latitude: np.ndarray, longitude: np.ndarray, to_latitude: np.ndarray, to_longitude: np.ndarray) -> np.ndarray:
    a, b, c, d = (np.radians(one) for one in (latitude, longitude, to_latitude, to_longitude))
    chord = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.minimum(1, np.sqrt(chord))))
