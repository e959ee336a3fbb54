"""Traffic to Parquet: what a data scientist trains on, made by the code that also makes the stream."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from contract import Customer, Label, Merchant, Transaction
from producer.errors import CannotWrite, FolderInUse
from producer.labels import Labeller
from producer.layout import add, holds_data, writer
from producer.payments import Event, ProfileChange
from producer.people import populate
from producer.progress import Meter
from producer.settings import DatasetSettings
from producer.traffic import PAYMENTS_A_DAY, Traffic

ROWS_A_GROUP = 50_000


def write(settings: DatasetSettings) -> dict[str, float]:
    """Writes transactions, labels, customers and merchants, one folder each, and returns how many rows of each, frauds, seconds.

    There is one label a transaction, but for frauds that are never reported. A customer has a row for each version of the profile.

    Raises:
        FolderInUse: the folder holds a data set; nothing is overwritten.
        CannotWrite: the folder cannot be written to, or the disk is full.
    """
    if holds_data(settings.out):
        raise FolderInUse(f"{settings.out} holds a data set already", "Name another folder under --out, or remove that one.")
    try:
        return _write(settings)
    except OSError as error:
        raise CannotWrite(
            f"{settings.out} cannot be written: {error.strerror or error}", "Name another folder under --out, or make room."
        ) from None


def _write(settings: DatasetSettings) -> dict[str, float]:
    population = populate(settings.start, settings.seed)
    traffic = Traffic(
        population,
        settings.start,
        settings.traffic,
        settings.base_rate,
        settings.seed,
        days=settings.days,
        campaigns=settings.campaigns,
    )
    labeller = Labeller(settings.label_delay, settings.label_delay_distribution, settings.label_never_reported, settings.seed)
    changed: list[Customer] = []
    with writer(settings.out, Merchant) as merchants:
        add(merchants, Merchant, population.merchants)
    total = settings.rows if settings.traffic == "hacker" else min(settings.rows or 10**12, round(settings.days * PAYMENTS_A_DAY))
    counts = {"transactions": 0, "frauds": 0, "labels": 0}
    with (
        Meter("transactions", total) as meter,
        writer(settings.out, Transaction) as transactions,
        writer(settings.out, Label) as labels,
    ):
        for events in _groups(islice(_payments(traffic, changed), settings.rows)):
            found = [label for label in map(labeller.label, events) if label is not None]
            add(transactions, Transaction, [_with_truth(event, settings.inline_labels) for event in events])
            add(labels, Label, found)
            counts["transactions"] += len(events)
            counts["frauds"] += sum(event.is_fraud for event in events)
            counts["labels"] += len(found)
            for _ in events:
                meter.step()
    with writer(settings.out, Customer) as customers:
        add(customers, Customer, [*population.customers, *changed])
    return {
        **counts,
        "customers": len(population.customers),
        "profile_changes": len(changed),
        "merchants": len(population.merchants),
        "seconds": round(meter.seconds, 1),
    }


def _with_truth(event: Event, inline: bool) -> Transaction:
    return replace(event.transaction, is_fraud=event.is_fraud) if inline else event.transaction


def _payments(traffic: Traffic, changed: list[Customer]) -> Iterator[Event]:
    """Returns the payments, and adds to `changed` the profiles that change before each of them."""
    for one in traffic.arrivals():
        if isinstance(one, ProfileChange):
            changed.append(one.profile)
        else:
            yield one


def _groups(events: Iterable[Event]) -> Iterator[list[Event]]:
    remaining = iter(events)
    while group := list(islice(remaining, ROWS_A_GROUP)):
        yield group
