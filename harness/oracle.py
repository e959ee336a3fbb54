"""Every feature from its definition, with pandas and numpy: no line of it is the product's. `harness.rule` is the same, slowly.

Holds for a data set without repeats, whose events are known in their own order: transactions at their event_time, labels at their
labelled_at, profiles at their updated_at.
"""

from collections import Counter
from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

DAY, SECOND = 86_400_000_000, 1_000_000
SPANS = {"10m": 600_000_000, "1h": 3_600_000_000} | {f"{days}d": days * DAY for days in (1, 7, 14, 28, 30)}
EARTH_KM = 6371.0
MILLS = 1_000
SOURCES = {"chargeback": 5, "issuer": 4, "customer": 3, "analyst": 2, "synthetic": 1}
"""Whose label counts of those known at once: the largest."""
OPTIONAL = ("transaction_type", "billing_amount")
COLUMNS = (
    *("transaction_id", "event_time", "card_id", "terminal_id", "amount", "response_code", "latitude", "longitude", "device_id"),
    "vpn",
)


class Spell(NamedTuple):
    """Which rows of `Keyed` see that a payment was fraud, or that it was not, from begin to before end; `at` is its place."""

    begin: np.ndarray
    end: np.ndarray
    at: np.ndarray


class Keyed:
    """Transactions in the order (key, time, id), and where each one's windows begin."""

    def __init__(self, rows: pd.DataFrame, *key: str) -> None:
        codes = rows.groupby(list(key), sort=False, dropna=True).ngroup().fillna(-1).to_numpy(np.int64)
        times = _micros(rows["event_time"])
        self._start = int(times.min())
        times -= self._start
        self._span = int(times.max()) + 100 * DAY
        self.order = np.lexsort((rows["transaction_id"].to_numpy(), times, codes))
        self.times = times[self.order]
        self.places = codes[self.order] * self._span + self.times + 50 * DAY
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

    def seen(self, said: pd.DataFrame, span: int, delay: int) -> Spell:
        """Returns when a payment is in the window (t - delay - span, t - delay] and what is said of it is what counts."""
        place = self._back[said["row"].to_numpy()]
        at = self.places[place]
        base = at - self.times[place]
        begin = np.maximum(at + delay, base + self._within(said["known"]))
        end = np.minimum(at + delay + span, base + self._within(said["until"]))
        first, behind = (np.searchsorted(self.places, one, side="left") for one in (begin, end))
        lasts = first < behind
        return Spell(first[lasts], behind[lasts], at[lasts])

    def _within(self, times: pd.Series) -> np.ndarray:
        """Returns times as those of the rows are, but not later than just after the last of them: beyond lies the next key."""
        return np.asarray(np.minimum(times.to_numpy(np.int64) - self._start, self._span - 100 * DAY + 1))

    def back(self, values: np.ndarray) -> np.ndarray:
        """Returns values in the order of the data set."""
        return values[self._back]


def oracle(data: Path) -> pd.DataFrame:
    """Returns the features of all transactions of a data set, indexed by transaction_id; absent is NaN."""
    return features(*(pd.read_parquet(data / name) for name in ("transactions", "labels", "customers", "merchants")))


def features(transactions: pd.DataFrame, labels: pd.DataFrame, customers: pd.DataFrame, merchants: pd.DataFrame) -> pd.DataFrame:
    """Returns the features of all transactions, indexed by transaction_id; absent is NaN. Refunds and reversals have none."""
    given = transactions.assign(**{name: None for name in OPTIONAL if name not in transactions})[[*COLUMNS, *OPTIONAL]]
    rows = given[~given["transaction_type"].isin(("refund", "reversal"))].reset_index(drop=True)
    found = dict(_terminal(rows, labels)) | dict(_card(rows, labels))
    made = pd.DataFrame(found | dict(_by_row(rows, found, customers, merchants)))
    return made.set_index(rows["transaction_id"]).reindex(given["transaction_id"])


def _said(rows: pd.DataFrame, labels: pd.DataFrame, key: str) -> pd.DataFrame:
    """Returns what is said of which row, and from when until when a transaction knows it: row, is_fraud, known, until."""
    labels = labels.assign(weight=labels["source"].map(SOURCES).fillna(0) if "source" in labels else 0)
    paid = rows[[key, "transaction_id", "event_time"]].rename(columns={"event_time": "paid_at"}).rename_axis("row").reset_index()
    both = (
        labels[["transaction_id", key, "event_time", "labelled_at", "is_fraud", "weight"]]
        .rename_axis("label")
        .reset_index()
        .merge(paid, on=[key, "transaction_id"])
    )
    named, known, at = (_micros(both[name]) for name in ("event_time", "labelled_at", "paid_at"))
    both = both.assign(away=np.abs(named - at), known=np.where(known > named, known, named + 1), told=known, at=at)
    # A label that comes before its payment, or names a time more than a second from it, is lost.
    both = both[(both["away"] <= SECOND) & (both["known"] > both["at"])].sort_values(["label", "away", "at"])
    both = both.drop_duplicates("label").sort_values(["row", "known", "label"])
    many = both.duplicated("row", keep=False)
    counts = [_that_count(of_one) for _, of_one in both[many].groupby("row")]
    both = pd.concat([both[~many], *counts]).sort_values(["row", "known"])
    until = both["known"].shift(-1).where(both["row"].eq(both["row"].shift(-1)), np.iinfo(np.int64).max // 2)
    return both.assign(until=until.astype("int64"))[["row", "is_fraud", "known", "until"]]


def _that_count(of_one: pd.DataFrame) -> pd.DataFrame:
    """Returns of one payment's labels, in the order of their arrival, those that counted at some time."""
    told = [*zip(of_one["told"], of_one["weight"], strict=True)]
    return of_one.iloc[[place for place, one in enumerate(told) if all(one > other for other in told[:place])]]


def _terminal(rows: pd.DataFrame, labels: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    keyed, said = Keyed(rows, "terminal_id"), _said(rows, labels, "terminal_id")
    declined = keyed.sorted(rows["response_code"] != "approved").astype(int)
    mills = _mills(keyed.sorted(rows["amount"]))
    for name in ("10m", "1h", "1d"):
        first, end = keyed.window(SPANS[name])
        yield f"terminal_count_{name}", keyed.back(end - first)
        yield f"terminal_unique_count_card_id_{name}", keyed.back(_unique(keyed.sorted(rows["card_id"]), first))
    for name in ("10m", "1h"):
        yield f"terminal_declined_count_{name}", keyed.back(_sum(declined, *keyed.window(SPANS[name])))
    for name in ("1d", "7d", "14d", "28d", "30d"):
        first, end = keyed.window(SPANS[name], 7 * DAY)
        yield f"terminal_count_{name}_delay_7d", keyed.back(end - first)
        spell = keyed.seen(said[said["is_fraud"]], SPANS[name], 7 * DAY)
        yield f"terminal_fraud_count_{name}_delay_7d", keyed.back(_at_once(spell, len(rows)))
    for name in ("1h", "1d", "30d"):
        first, end = keyed.window(SPANS[name])
        yield f"terminal_average_amount_{name}", keyed.back(_sum(mills, first, end) / (end - first) / MILLS)
    for name, which in (("fraud", said[said["is_fraud"]]), ("genuine", said[~said["is_fraud"]])):
        last = _youngest(keyed.seen(which, SPANS["30d"], 7 * DAY), len(rows))
        yield f"terminal_{name}_seconds_since_last_30d_delay_7d", keyed.back((keyed.places - last) / 1e6)


def _card(rows: pd.DataFrame, labels: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    keyed = Keyed(rows, "card_id")
    mills, declined = _mills(keyed.sorted(_charged(rows))), keyed.sorted(rows["response_code"] != "approved").astype(int)
    for name in ("10m", "1h", "1d", "7d", "30d"):
        first, end = keyed.window(SPANS[name])
        yield f"card_count_{name}", keyed.back(end - first)
        if name in ("1h", "1d"):
            yield f"card_sum_amount_{name}", keyed.back(_sum(mills, first, end) / MILLS)
            yield f"card_declined_count_{name}", keyed.back(_sum(declined, first, end))
            yield f"card_unique_count_terminal_id_{name}", keyed.back(_unique(keyed.sorted(rows["terminal_id"]), first))
        if name in ("1d", "7d", "30d"):
            yield f"card_average_amount_{name}", keyed.back(_sum(mills, first, end) / (end - first) / MILLS)
        if name in ("7d", "30d"):
            total, number = _sum(mills, first, end), end - first
            squares = _sum_of_squares(mills, total / number, first, end)
            yield f"card_variance_amount_{name}", keyed.back(squares / number / MILLS**2)
            past = (total - mills) / np.where(number > 1, number - 1, np.nan) / MILLS
            yield f"card_past_average_amount_{name}", keyed.back(past)
    first, end = keyed.window(SPANS["30d"])
    yield "card_max_amount_30d", keyed.back(_largest(mills, first) / MILLS)
    said = _said(rows, labels, "card_id")
    spell = keyed.seen(said[said["is_fraud"]], SPANS["30d"], 7 * DAY)
    yield "card_fraud_count_30d_delay_7d", keyed.back(_at_once(spell, len(rows)))
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
    amount, charged = rows["amount"].astype(float).to_numpy(), _charged(rows).astype(float).to_numpy()
    yield "is_weekend", (rows["event_time"].dt.dayofweek >= 5).to_numpy().astype(float)
    yield "is_night", (rows["event_time"].dt.hour <= 6).to_numpy().astype(float)
    for name in ("1d", "7d", "14d", "28d", "30d"):
        count, frauds = found[f"terminal_count_{name}_delay_7d"], found[f"terminal_fraud_count_{name}_delay_7d"]
        yield f"terminal_risk_{name}", np.where(count > 0, frauds / np.maximum(count, 1), 0.0)
    for name in ("7d", "30d"):
        mean, past = found[f"card_average_amount_{name}"], found[f"card_past_average_amount_{name}"]
        yield f"amount_to_past_mean_{name}", charged / np.where(past == 0, np.nan, past)
        deviation = np.sqrt(found[f"card_variance_amount_{name}"])
        yield f"amount_z_score_{name}", (charged - mean) / np.where(deviation == 0, np.nan, deviation)
    terminal = found["terminal_average_amount_30d"]
    yield "amount_to_terminal_mean_30d", amount / np.where(terminal == 0, np.nan, terminal)
    place = (rows["latitude"].to_numpy(float), rows["longitude"].to_numpy(float))
    hours = found["card_seconds_since_last_latitude_30d"] / 3600
    journey = _distance(found["card_last_latitude_30d"], found["card_last_longitude_30d"], *place)
    yield "speed_kmh", journey / np.where(hours == 0, np.nan, hours)
    holder = _newest(rows, customers, "card_id")
    yield "home_distance_km", _distance(holder["home_latitude"].to_numpy(), holder["home_longitude"].to_numpy(), *place)
    owner = _newest(rows, merchants, "terminal_id")
    today = rows["event_time"].dt.tz_localize(None).dt.normalize()
    yield "account_age_days", (today - pd.to_datetime(holder["signup_date"])).dt.days.to_numpy(float)
    yield "terminal_age_days", (today - pd.to_datetime(owner["onboarding_date"])).dt.days.to_numpy(float)
    yield "is_vpn", rows["vpn"].astype(float).to_numpy()


def _micros(times: pd.Series) -> np.ndarray:
    return np.asarray(times.dt.as_unit("us").astype("int64").to_numpy().copy())


def _charged(rows: pd.DataFrame) -> pd.Series:
    """Returns what the holder is charged."""
    return rows["billing_amount"].where(rows["billing_amount"].notna(), rows["amount"])


def _newest(rows: pd.DataFrame, profiles: pd.DataFrame, key: str) -> pd.DataFrame:
    """Returns for each row the newest profile of its key that had arrived."""
    at = rows[[key, "event_time"]].rename_axis("row").reset_index().sort_values("event_time")
    profiles = profiles.sort_values("updated_at", kind="stable")
    return pd.merge_asof(at, profiles, left_on="event_time", right_on="updated_at", by=key).sort_values("row", ignore_index=True)


def _mills(amounts: np.ndarray) -> np.ndarray:
    return np.array([int(amount * MILLS) for amount in amounts], dtype=np.int64)


def _at_once(spell: Spell, rows: int) -> np.ndarray:
    """Returns how many spells each row is in."""
    change = np.zeros(rows + 1, dtype=np.int64)
    np.add.at(change, spell.begin, 1)
    np.add.at(change, spell.end, -1)
    return np.cumsum(change)[:rows]


def _youngest(spell: Spell, rows: int) -> np.ndarray:
    """Returns the youngest payment, its place, of the spells that each row is in; NaN where it is in none."""
    order = np.argsort(spell.begin, kind="stable")
    coming = [*zip(spell.begin[order].tolist(), spell.end[order].tolist(), spell.at[order].tolist(), strict=True), (rows, 0, 0)]
    running: list[tuple[int, int]] = []
    out, following = np.full(rows, np.nan), 0
    for row in range(rows):
        while coming[following][0] <= row:
            _, end, at = coming[following]
            heappush(running, (-at, end))
            following += 1
        while running and running[0][1] <= row:
            heappop(running)
        if running:
            out[row] = -running[0][0]
    return out


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
