"""Random records that are hard on features: zeros, ties, gaps, corrected labels, labels of nothing, refunds, huge amounts."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

import pandas as pd

from contract import Customer, Label, Merchant, Transaction
from harness.rule import Features, Record, Rule
from spark_jobs.features import FEATURE_COLUMNS
from tests.records import AT, transaction

MICROSECOND, SECOND, HOUR, DAY = timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
GAPS = (timedelta(0), MICROSECOND, 500_000 * MICROSECOND, SECOND, 10 * timedelta(minutes=1), HOUR, 5 * HOUR, DAY, 3 * DAY, 7 * DAY)
AMOUNTS = tuple(map(Decimal, ("0", "0", "0.000", "0.001", "0.15", "12.50", "12.50", "249.99", "1000")))
LARGEST = Decimal("99999999999.999")
PLACES = ((48.85, 2.35), (48.85, 2.35), (-90.0, 0.0), (90.0, 0.0), (0.0, 180.0), (0.0, -180.0), (None, None))
SOURCES = (None, "synthetic", "analyst", "customer", "issuer", "chargeback")


def world(seed: int, payments: int = 60, largest: bool = False) -> list[Record]:
    """Returns the records of some cards and terminals that bear the seed in their names; in no order of arrival."""
    draw = Random(seed)  # noqa: S311
    paid, at = [], AT
    for number in range(payments):
        at += 45 * DAY if draw.random() < 0.01 else draw.choice(GAPS)
        paid.append(_payment(draw, f"{seed}", f"{seed}-{draw.randrange(10_000):04}-{number}", at, largest))
    labels = [label for one in paid if draw.random() < 0.8 for label in _labels(draw, one)]
    unknown = [replace(one, transaction_id=f"{one.transaction_id}?") for one in labels if draw.random() < 0.05]
    others = [replace(one, card_id=f"{seed}-c0") for one in labels if draw.random() < 0.05]
    return [*paid, *labels, *unknown, *others, *_profiles(draw, f"{seed}")]


def _payment(draw: Random, prefix: str, name: str, at: datetime, largest: bool) -> Transaction:
    place = draw.choice(PLACES)
    return transaction(
        transaction_id=name,
        event_time=at,
        card_id=f"{prefix}-c{draw.randrange(3)}",
        terminal_id=f"{prefix}-T{draw.randrange(3)}",
        amount=LARGEST if largest and draw.random() < 0.1 else draw.choice(AMOUNTS),
        billing_amount=draw.choice(AMOUNTS) if draw.random() < 0.2 else None,
        currency="KWD",  # which has three decimals
        billing_currency="KWD",
        response_code=draw.choice(("approved", "approved", "insufficient_funds")),
        latitude=place[0],
        longitude=place[1],
        device_id=draw.choice((None, "d1", "d2")),
        vpn=draw.choice((None, True, False)),
        transaction_type=draw.choice((None, None, "purchase", "verification", "withdrawal", "refund", "reversal")),
    )


def _labels(draw: Random, paid: Transaction) -> Iterator[Label]:
    for number in range(draw.choice((1, 1, 1, 2, 3))):
        after = draw.choice((-SECOND, timedelta(0), HOUR, 6 * DAY, 7 * DAY, 7 * DAY, 8 * DAY, 20 * DAY)) + number * MICROSECOND
        known = paid.event_time + after
        named = draw.choice((paid.event_time, paid.event_time.replace(microsecond=0), paid.event_time + 700_000 * MICROSECOND))
        one = Label(
            transaction_id=paid.transaction_id,
            card_id=paid.card_id,
            terminal_id=paid.terminal_id,
            event_time=named,
            labelled_at=known,
            is_fraud=draw.random() < 0.5,
        )
        # Of labels of one instant the source decides: no two of one transaction are equal in both.
        first, second = draw.sample(SOURCES, 2)
        yield replace(one, source=first)
        if draw.random() < 0.2:
            yield replace(one, source=second, is_fraud=not one.is_fraud)


def _profiles(draw: Random, prefix: str) -> Iterator[Customer | Merchant]:
    for number in range(3):
        for after in (-DAY, 10 * DAY):
            if draw.random() < 0.7:
                yield customer(f"{prefix}-c{number}", AT + after, draw.choice((48.0, 0.0, -90.0)))
                yield merchant(f"{prefix}-T{number}", AT + after)


def customer(card_id: str, updated_at: datetime, home_latitude: float = 48.0) -> Customer:
    """Returns a holder who lives on a meridian."""
    return Customer(
        customer_id=f"of {card_id}", card_id=card_id, name="N", birth_date=date(1980, 1, 1), country="FR",
        home_latitude=home_latitude, home_longitude=2.0, signup_date=date(2018, 1, 1), updated_at=updated_at,
    )  # fmt: skip


def merchant(terminal_id: str, updated_at: datetime) -> Merchant:
    """Returns the owner of a terminal."""
    return Merchant(
        merchant_id=f"of {terminal_id}", terminal_id=terminal_id, name="N", merchant_category="5411", country="FR", latitude=48.0,
        longitude=2.0, onboarding_date=updated_at.date(), updated_at=updated_at,
    )  # fmt: skip


def by_rule(records: list[Record]) -> pd.DataFrame:
    """Returns the features of the transactions, which arrive in this order, by `harness.rule`: by transaction_id; absent is NaN."""
    rule = Rule()
    found: dict[str, Features] = {}
    for one in records:
        features = rule.arrives(one)
        if isinstance(one, Transaction):
            found[one.transaction_id] = features or {}
    rows = [[features.get(name) for name in FEATURE_COLUMNS] for features in found.values()]
    return pd.DataFrame(rows, columns=list(FEATURE_COLUMNS), index=pd.Index(found, name="transaction_id")).astype(float)


def payments_of(features: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows without refunds and reversals, which have no features."""
    return features.dropna(how="all")
