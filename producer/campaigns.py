"""Nine attacks, each a small generator; docs/reference/producer.md tells their stories.

A generator gets a `Scene` and returns the events of one campaign, in no order. What an attack looks like stands in the
transactions; that it is one stands only in the events' truth, which travels on the label topic.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from producer.payments import Event, ProfileChange, payment
from producer.people import Population, coordinates, token

GRID = 100
FAR = 60.0
"""Grid units, over 500 km: further than anybody flies in ten minutes."""
ADAPTS_ON_DAY = 45
"""Day of the world on which the adaptive attacker changes from large to small amounts: ground truth for drift tests."""
REVIEW_LIMIT_CENTS = 22_000
"""The Handbook's limit; the adaptive attacker stays under it."""


@dataclass
class Scene:
    """One campaign's stage: the world, a time, and the campaign's own random numbers."""

    name: str
    number: int
    population: Population
    start: datetime
    day: int
    draws: np.random.Generator
    prefix: str

    def __post_init__(self) -> None:
        self.campaign_id = f"{self.name}-{self.number:05d}"
        self._rows = 0

    def pay(self, seconds: float, customer: int, terminal: int, cents: float, genuine: bool = False, **changes: Any) -> Event:
        """Returns one payment, `seconds` after the campaign's start; `changes` are fields that differ from the holder's usual."""
        time = self.start + timedelta(seconds=round(float(seconds), 3))
        number = f"{self.prefix}h{self.number}-{self._rows}"
        self._rows += 1
        made = payment(self.population, number, time, customer, terminal, max(1, round(float(cents))), **changes)
        return Event(time, made, False) if genuine else Event(time, made, True, self.name, self.campaign_id)

    def customers(self, count: int) -> list[int]:
        """Returns different customers."""
        return [int(one) for one in self.draws.choice(len(self.population.holders), count, replace=False)]

    def terminal(self, channel: str, far_from: int | None = None) -> int:
        """Returns a terminal of a channel; with `far_from` one that is FAR from that customer's home."""
        place = self.population.place
        candidates = self.population.terminals_of(channel)
        if far_from is not None:
            distances = np.hypot(*(place.places[candidates] - place.homes[far_from]).T)
            candidates = [one for one, distance in zip(candidates, distances, strict=True) if distance > FAR]
        return int(self.draws.choice(candidates))

    def near(self, customer: int, channel: str) -> list[int]:
        """Returns the customer's own terminals of a channel, or all of them where there are none."""
        found = [one for one in self.population.place.reachable[customer] if self.population.terminals[one].channel == channel]
        return found or self.population.place.reachable[customer]

    def stranger(self, vpn: float = 0.6) -> dict[str, Any]:
        """Returns device and network of somebody who is not the holder."""
        device = token("device", self.campaign_id)
        return {"device_id": device, "ip_prefix": f"10.255.{self.number % 256}.0/24", "vpn": bool(self.draws.random() < vpn)}


def card_testing(scene: Scene) -> Iterator[Event]:
    """Many cards at one web shop, tiny amounts, seconds apart, mostly declined; the few hits are emptied within hours."""
    draws, shop, other = scene.draws, scene.terminal("ecom"), scene.terminal("ecom")
    declined, seconds, tools = draws.uniform(0.6, 0.95), 0.0, scene.stranger()
    for card in scene.customers(int(draws.integers(40, 120))):
        seconds += draws.uniform(1, 8)
        dead = draws.random() < declined
        response = str(draws.choice(["invalid_cvc", "do_not_honour", "expired_card"])) if dead else "approved"
        yield scene.pay(seconds, card, shop, draws.uniform(50, 200), response_code=response, **tools)
        if not dead and draws.random() < 0.5:
            yield scene.pay(seconds + draws.uniform(600, 20_000), card, other, draws.uniform(20_000, 90_000), **tools)


def account_takeover(scene: Scene) -> Iterator[Event | ProfileChange]:
    """The holder's address changes; soon a new device buys dear things on the web."""
    draws, (card,) = scene.draws, scene.customers(1)
    latitude, longitude = coordinates(*draws.uniform(0, GRID, 2))
    profile = replace(scene.population.customers[card], home_latitude=latitude, home_longitude=longitude, updated_at=scene.start)
    yield ProfileChange(scene.start, profile)
    seconds, tools = draws.uniform(600, 86_400), scene.stranger()
    for _ in range(int(draws.integers(2, 6))):
        yield scene.pay(seconds, card, scene.terminal("ecom"), draws.uniform(30_000, 150_000), **tools)
        seconds += draws.uniform(120, 7_200)


def skimming(scene: Scene) -> Iterator[Event]:
    """Cards that were used at one terminal are later copied and used at cash machines far away (common point of purchase)."""
    draws, point = scene.draws, scene.terminal("pos")
    seen = [customer for customer, own in enumerate(scene.population.place.reachable) if point in own] or scene.customers(20)
    for card in draws.choice(seen, min(len(seen), int(draws.integers(15, 40))), replace=False).tolist():
        yield scene.pay(draws.uniform(0, 2 * 86_400), card, point, draws.uniform(1_000, 8_000), genuine=True)
        machine = scene.terminal("atm", far_from=card)
        for _ in range(int(draws.integers(1, 3))):
            yield scene.pay(draws.uniform(3, 12) * 86_400, card, machine, 1_000 * int(draws.integers(10, 31)))


def impossible_travel(scene: Scene) -> Iterator[Event]:
    """A genuine purchase at home, and minutes later one with the same card over 500 km away."""
    draws, (card,) = scene.draws, scene.customers(1)
    home, far = scene.near(card, "pos"), scene.terminal("pos", far_from=card)
    yield scene.pay(0, card, int(draws.choice(home)), draws.uniform(1_000, 8_000), genuine=True)
    seconds = draws.uniform(120, 600)
    for _ in range(int(draws.integers(1, 4))):
        yield scene.pay(seconds, card, far, draws.uniform(10_000, 60_000))
        seconds += draws.uniform(60, 900)


def velocity_burst(scene: Scene) -> Iterator[Event]:
    """A stolen card is used as much and as fast as possible, amounts growing, before its holder notices."""
    draws, (card,) = scene.draws, scene.customers(1)
    shops, seconds, cents = scene.near(card, "pos"), 0.0, draws.uniform(1_500, 4_000)
    for _ in range(int(draws.integers(12, 30))):
        seconds += draws.uniform(30, 400)
        cents *= draws.uniform(1.0, 1.2)
        yield scene.pay(seconds, card, int(draws.choice(shops)), cents)


def slow_drip(scene: Scene) -> Iterator[Event]:
    """Leaked credentials, used with patience: for 14 days about one web payment in three days, five times the usual amount."""
    draws, (card,) = scene.draws, scene.customers(1)
    usual, tools = 100 * float(scene.population.place.mean_amounts[card]), scene.stranger(vpn=0.3)
    for day in range(14):
        if day == 0 or draws.random() < 1 / 3:
            yield scene.pay(
                (day + draws.random()) * 86_400, card, scene.terminal("ecom"), 5 * usual * draws.uniform(0.5, 1.5), **tools
            )


def bust_out(scene: Scene) -> Iterator[Event]:
    """A merchant that was honest charges every card it knows within two days, then vanishes."""
    draws, shop = scene.draws, scene.terminal("ecom")
    for card in scene.customers(int(draws.integers(30, 80))):
        yield scene.pay(draws.uniform(0, 2 * 86_400), card, shop, draws.uniform(10_000, 50_000))


def mule_chain(scene: Scene) -> Iterator[Event]:
    """A victim's money is sent off in one large transfer, and mules draw it from cash machines, one after the other."""
    draws, (victim, *mules) = scene.draws, scene.customers(int(scene.draws.integers(4, 8)))
    total, seconds = draws.uniform(100_000, 500_000), 0.0
    yield scene.pay(0, victim, scene.terminal("ecom"), total, merchant_category="4829", **scene.stranger())
    for mule in mules:
        seconds += draws.uniform(900, 7_200)
        yield scene.pay(seconds, mule, int(draws.choice(scene.near(mule, "atm"))), total / len(mules) * draws.uniform(0.85, 0.98))


def adaptive(scene: Scene) -> Iterator[Event]:
    """Knows the limit and stays just under it; from a set day on many small amounts instead."""
    draws, (card,) = scene.draws, scene.customers(1)
    small = scene.day >= ADAPTS_ON_DAY
    seconds, tools = 0.0, scene.stranger()
    for _ in range(int(draws.integers(12, 24) if small else draws.integers(3, 8))):
        share = draws.uniform(0.08, 0.25) if small else draws.uniform(0.9, 0.999)
        yield scene.pay(seconds, card, scene.terminal("ecom"), share * REVIEW_LIMIT_CENTS, **tools)
        seconds += draws.uniform(600, 10_800)


class Campaign(NamedTuple):
    """An attack and about how many frauds one of it makes."""

    generate: Callable[[Scene], Iterator[Event | ProfileChange]]
    frauds: float


CAMPAIGNS = {
    "card_testing": Campaign(card_testing, 87),
    "account_takeover": Campaign(account_takeover, 3.5),
    "skimming": Campaign(skimming, 39.5),
    "impossible_travel": Campaign(impossible_travel, 2),
    "velocity_burst": Campaign(velocity_burst, 20.5),
    "slow_drip": Campaign(slow_drip, 5.3),
    "bust_out": Campaign(bust_out, 55),
    "mule_chain": Campaign(mule_chain, 5.5),
    "adaptive": Campaign(adaptive, 11),
}


def hacker_traffic(
    population: Population,
    start: datetime,
    frauds_a_day: float,
    shares: Mapping[str, float],
    seed: int,
    prefix: str,
    days: int | None,
) -> Iterator[Event | ProfileChange]:
    """Returns what campaigns bring, in order of time: about `frauds_a_day` frauds a day, divided between attacks by `shares`."""
    weight = sum(shares.values())
    pending: list[Event | ProfileChange] = []
    number = day = 0
    while days is None or day < days:
        midnight = start + timedelta(days=day)
        for name, share in shares.items():
            # The attack's place in the table, not in `shares`: leaving one out does not change the others.
            draws = np.random.default_rng((seed, 12, day, list(CAMPAIGNS).index(name)))
            for _ in range(int(draws.poisson(frauds_a_day * share / weight / CAMPAIGNS[name].frauds))):
                begin = midnight + timedelta(seconds=round(draws.uniform(0, 86_400), 3))
                pending.extend(CAMPAIGNS[name].generate(Scene(name, number, population, begin, day, draws, prefix)))
                number += 1
        day += 1
        pending.sort(key=_order)
        due = start + timedelta(days=day)
        ripe = [event for event in pending if event.time < due]
        pending = pending[len(ripe) :]
        yield from ripe


def _order(one: Event | ProfileChange) -> tuple[datetime, str]:
    return one.time, one.transaction.transaction_id if isinstance(one, Event) else ""  # at one instant, profiles come first
