"""From who, where, when and how much to a whole `Transaction`; and the normal traffic, the Handbook's payments made whole."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from contract import Customer, Transaction
from contract.records import ResponseCode
from producer.handbook import Day, Thinning, world
from producer.people import Population

SCENARIOS = (None, "amount_above_limit", "compromised_terminal", "compromised_card")
"""Names of the Handbook's scenarios; 0 is genuine."""

RESPONSES: tuple[ResponseCode, ...] = ("approved", "insufficient_funds", "wrong_pin", "expired_card", "do_not_honour")
RESPONSE_SHARES = (0.965, 0.018, 0.008, 0.003, 0.006)
SECOND_DEVICE, MOBILE_NETWORK, VPN = 0.1, 0.25, 0.03
"""Shares of genuine web payments."""


class Event(NamedTuple):
    """One payment with its truth."""

    time: datetime
    transaction: Transaction
    is_fraud: bool
    scenario: str | None = None
    campaign_id: str | None = None


class ProfileChange(NamedTuple):
    """A holder's profile that is new from `time` on."""

    time: datetime
    profile: Customer


def payment(
    population: Population, number: str, time: datetime, customer: int, terminal: int, cents: int, **changes: Any
) -> Transaction:
    """Returns an approved payment with the holder's usual device and network; `changes` are fields that differ."""
    holder, where = population.holders[customer], population.terminals[terminal]
    web = where.channel == "ecom"
    fields: dict[str, Any] = {
        "transaction_id": number,
        "event_time": time,
        "card_id": holder.card_id,
        "customer_id": holder.customer_id,
        "terminal_id": where.terminal_id,
        "merchant_id": where.merchant_id,
        "merchant_category": where.merchant_category,
        "amount": money(cents),
        "currency": where.currency,
        "channel": where.channel,
        "country": where.country,
        "response_code": RESPONSES[0],
        "latitude": None if web else where.latitude,
        "longitude": None if web else where.longitude,
        "device_id": holder.devices[0] if web else None,
        "ip_prefix": holder.ip_prefixes[0] if web else None,
        "vpn": False if web else None,
    }
    return Transaction(**(fields | changes))


def money(cents: int) -> Decimal:
    """Returns an amount with two decimals."""
    return Decimal(cents).scaleb(-2)


def normal_traffic(
    population: Population, start: datetime, thinning: Thinning, seed: int, prefix: str, days: int | None
) -> Iterator[Event]:
    """Returns the Handbook's payments in order, day 0 beginning at `start`; ids are `prefix` and the Handbook's own number."""
    for day in world(days, thinning, population.place):
        yield from _whole_day(population, day, start + timedelta(days=day.number), seed, prefix)


def _whole_day(population: Population, day: Day, midnight: datetime, seed: int, prefix: str) -> Iterator[Event]:
    draws = np.random.default_rng((seed, 11, day.number))
    count = len(day.seconds)
    responses = draws.choice(len(RESPONSES), count, p=RESPONSE_SHARES).tolist()
    habits = draws.random((3, count)) < np.array([[SECOND_DEVICE], [MOBILE_NETWORK], [VPN]])
    columns = (day.seconds, day.customers, day.terminals, day.cents, day.scenarios, *habits)
    rows = zip(responses, *(column.tolist() for column in columns), strict=True)
    for number, (response, second, customer, terminal, cents, scenario, other_device, mobile, vpn) in enumerate(rows, day.first_id):
        time = midnight + timedelta(seconds=second)
        holder, where = population.holders[customer], population.terminals[terminal]
        web = where.channel == "ecom"
        # Written out rather than by `payment`: this is the line that decides how fast traffic is made.
        transaction = Transaction(
            transaction_id=f"{prefix}n{number}",
            event_time=time,
            card_id=holder.card_id,
            customer_id=holder.customer_id,
            terminal_id=where.terminal_id,
            merchant_id=where.merchant_id,
            merchant_category=where.merchant_category,
            amount=money(cents),
            currency=where.currency,
            channel=where.channel,
            country=where.country,
            response_code=RESPONSES[response],
            latitude=None if web else where.latitude,
            longitude=None if web else where.longitude,
            device_id=holder.devices[other_device] if web else None,
            ip_prefix=holder.ip_prefixes[mobile] if web else None,
            vpn=vpn if web else None,
        )
        yield Event(time, transaction, scenario > 0, SCENARIOS[scenario])
