"""Who pays and who is paid: the Handbook's customers and terminals with names, places, devices and habits. All invented.

Drawn from a seeded stream of its own, so that the Handbook's numbers stay as they are. The book's grid is laid over a stretch of
western Europe with straight borders: one unit is about nine kilometres.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
from faker import Faker

from contract import Customer, Merchant
from contract.records import Channel
from producer.handbook import CUSTOMERS, TERMINALS, Geography, geography

SOUTH, WEST = 43.0, -1.0
LATITUDE_STEP, LONGITUDE_STEP = 0.08, 0.12
"""Degrees a grid unit."""

COUNTRIES = (("FR", "EUR"), ("IT", "EUR"), ("DE", "EUR"), ("CH", "CHF"))
"""Country and currency of the grid's four quarters: south-west, south-east, north-east, north-west."""

CHANNELS: tuple[Channel, ...] = ("pos", "ecom", "atm")
CHANNEL_SHARES = (0.78, 0.14, 0.08)
CATEGORIES = {
    "pos": ("5411", "5812", "5541", "5912", "5651", "5732", "7011", "4111"),
    "ecom": ("5732", "5651", "5815", "4722", "5999", "7995"),
    "atm": ("6011",),
}
"""Merchant category codes (ISO 18245) by channel; 6011 is cash."""
TERMINALS_A_MERCHANT = (1, 5)
TOKEN_KEY = b"synthetic cards only"
"""Key of the card tokens. There are no card numbers behind them."""


class Terminal(NamedTuple):
    """What a payment at a terminal says about the terminal."""

    terminal_id: str
    merchant_id: str
    merchant_category: str
    channel: Channel
    country: str
    currency: str
    latitude: float
    longitude: float


class Holder(NamedTuple):
    """What a payment says about who pays. The first of devices and prefixes is the usual one."""

    customer_id: str
    card_id: str
    devices: tuple[str, str]
    ip_prefixes: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody, by Handbook id."""

    place: Geography
    holders: tuple[Holder, ...]
    terminals: tuple[Terminal, ...]
    customers: tuple[Customer, ...]
    merchants: tuple[Merchant, ...]

    def terminals_of(self, channel: str) -> list[int]:
        """Returns the ids of the terminals of a channel."""
        return [number for number, terminal in enumerate(self.terminals) if terminal.channel == channel]


def token(kind: str, number: object) -> str:
    """Returns a keyed hash of 16 hexadecimal digits, the same in every run."""
    digest = hmac.new(TOKEN_KEY, f"{kind}:{number}".encode(), hashlib.sha256).hexdigest()
    # With a letter: sixteen digits may look like a card number, and the detector refuses those.
    return next(part for part in (digest[at : at + 16] for at in range(0, len(digest), 16)) if not part.isdigit())


def populate(start: datetime, seed: int = 0) -> Population:
    """Returns the population of the world's first day. The same seed gives the same people; dates move with `start`."""
    place = geography()
    draws = np.random.default_rng((seed, 10))
    faker = Faker("en_GB")
    faker.seed_instance(seed)
    holders = tuple(_holder(number, draws) for number in range(CUSTOMERS))
    customers = tuple(_customer(number, place, holders, draws, faker, start) for number in range(CUSTOMERS))
    owners = _owners(draws)
    names = {owner: faker.company() for owner in sorted(set(owners))}
    terminals = tuple(_terminal(number, owners[number], place, draws) for number in range(TERMINALS))
    merchants = tuple(_merchant(terminals[number], names[owners[number]], draws, start) for number in range(TERMINALS))
    return Population(place, holders, terminals, customers, merchants)


def coordinates(x: float, y: float) -> tuple[float, float]:
    """Returns latitude and longitude, degrees, of a point of the grid."""
    return round(SOUTH + y * LATITUDE_STEP, 5), round(WEST + x * LONGITUDE_STEP, 5)


def _quarter(x: float, y: float) -> tuple[str, str]:
    return COUNTRIES[{(False, False): 0, (True, False): 1, (True, True): 2, (False, True): 3}[(x >= 50, y >= 50)]]


def _holder(number: int, draws: np.random.Generator) -> Holder:
    home, mobile = draws.integers(0, 256, size=(2, 2)).tolist()
    prefixes = (f"10.{home[0]}.{home[1]}.0/24", f"100.64.{mobile[0]}.0/24")  # private and shared space: nobody's address
    return Holder(
        f"C{number:05d}", token("card", number), (token("device", f"{number}:0"), token("device", f"{number}:1")), prefixes
    )


def _customer(
    number: int, place: Geography, holders: tuple[Holder, ...], draws: np.random.Generator, faker: Faker, start: datetime
) -> Customer:
    x, y = (float(one) for one in place.homes[number])
    latitude, longitude = coordinates(x, y)
    age, known = draws.integers(18 * 365, 88 * 365), draws.integers(30, 12 * 365)
    return Customer(
        customer_id=holders[number].customer_id,
        card_id=holders[number].card_id,
        name=faker.name(),
        birth_date=_before(start, int(age)),
        country=_quarter(x, y)[0],
        home_latitude=latitude,
        home_longitude=longitude,
        signup_date=_before(start, int(known)),
        updated_at=start,
    )


def _owners(draws: np.random.Generator) -> list[int]:
    sizes = draws.integers(*TERMINALS_A_MERCHANT, size=TERMINALS)
    return [int(owner) for owner in np.repeat(np.arange(TERMINALS), sizes)[:TERMINALS]]


def _terminal(number: int, owner: int, place: Geography, draws: np.random.Generator) -> Terminal:
    x, y = (float(one) for one in place.places[number])
    channel = CHANNELS[int(draws.choice(3, p=CHANNEL_SHARES))]
    categories = CATEGORIES[channel]
    category = categories[int(draws.integers(len(categories)))]
    return Terminal(f"T{number:05d}", f"M{owner:05d}", category, channel, *_quarter(x, y), *coordinates(x, y))


def _merchant(terminal: Terminal, name: str, draws: np.random.Generator, start: datetime) -> Merchant:
    return Merchant(
        merchant_id=terminal.merchant_id,
        terminal_id=terminal.terminal_id,
        name=name,
        merchant_category=terminal.merchant_category,
        country=terminal.country,
        latitude=terminal.latitude,
        longitude=terminal.longitude,
        onboarding_date=_before(start, int(draws.integers(10, 15 * 365))),
        updated_at=start,
    )


def _before(start: datetime, days: int) -> date:
    return (start - timedelta(days=days)).date()
