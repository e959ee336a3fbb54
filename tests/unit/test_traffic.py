"""Traffic is believable, repeatable, and keeps its truth to itself."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import hypot

import numpy as np
import pytest

from contract import Customer, Merchant, decode, encode
from producer.campaigns import ADAPTS_ON_DAY, CAMPAIGNS, FAR, Scene
from producer.labels import Labeller
from producer.payments import Event, ProfileChange
from producer.people import Population, populate, token
from producer.traffic import PAYMENTS_A_DAY, Traffic
from tests.records import transaction

START = datetime(2018, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(START)


def campaign(population: Population, name: str, number: int = 1, day: int = 0) -> list[Event]:
    return [one for one in arrivals(population, name, number, day) if isinstance(one, Event)]


def arrivals(population: Population, name: str, number: int = 1, day: int = 0) -> list[Event | ProfileChange]:
    scene = Scene(name, number, population, START, day, np.random.default_rng((number, day)), "")
    return sorted(CAMPAIGNS[name].generate(scene), key=lambda one: one.time)


def test_everybody_is_a_valid_record(population: Population) -> None:
    for kind, records in ((Customer, population.customers), (Merchant, population.merchants)):
        for one in records:
            assert decode(kind, encode(one)) == one
    assert len({one.card_id for one in population.customers}) == 5_000
    assert len({one.terminal_id for one in population.merchants}) == 10_000


def test_no_token_looks_like_a_card_number() -> None:
    tokens = [token("device", number) for number in range(20_000)]
    assert not [one for one in tokens if one.isdigit()]
    assert {len(one) for one in tokens} == {16}
    assert len(set(tokens)) == len(tokens)


def test_the_same_question_has_the_same_answer(population: Population) -> None:
    def answer() -> list[bytes]:
        return [encode(event.transaction) for event in Traffic(populate(START), START, "all", days=2).events()]

    assert answer() == answer()


def test_the_richer_layer_leaves_the_handbook_alone(population: Population) -> None:
    first = next(Traffic(population, START, days=1).events()).transaction
    assert (first.customer_id, first.terminal_id, str(first.amount)) == ("C00596", "T03156", "57.16")
    assert first.event_time == START + timedelta(seconds=31)


def test_events_are_in_order_and_ids_are_unique(population: Population) -> None:
    events = list(Traffic(population, START, "all", days=12).events())
    times = [event.time for event in events]
    assert times == sorted(times)
    assert len({event.transaction.transaction_id for event in events}) == len(events)


def test_two_producers_side_by_side_do_not_share_an_id(population: Population) -> None:
    normal, hacker = (
        {event.transaction.transaction_id for event in Traffic(population, START, kind, days=10).events()}
        for kind in ("normal", "hacker")
    )
    assert hacker
    assert not normal & hacker


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_an_attack_makes_about_the_frauds_it_says(population: Population, name: str) -> None:
    days = (0, ADAPTS_ON_DAY)
    frauds = [sum(event.is_fraud for event in campaign(population, name, number, day)) for number in range(20) for day in days]
    assert np.mean(frauds) == pytest.approx(CAMPAIGNS[name].frauds, rel=0.25)


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_the_truth_is_in_the_label_alone(population: Population, name: str) -> None:
    for event in campaign(population, name):
        data = encode(event.transaction)
        assert name.encode() not in data
        assert event.transaction.is_fraud is None
        label = Labeller(timedelta(days=7)).label(event)
        assert label is not None
        if event.is_fraud:
            assert (label.is_fraud, label.scenario, label.campaign_id) == (True, name, f"{name}-00001")
        else:
            assert (label.is_fraud, label.scenario, label.campaign_id) == (False, None, None)


def test_card_testing_tries_many_cards_at_one_shop_for_next_to_nothing(population: Population) -> None:
    tries = [event.transaction for event in campaign(population, "card_testing") if event.transaction.amount <= 2]
    assert len({one.card_id for one in tries}) == len(tries) >= 40
    assert len({one.merchant_id for one in tries}) == 1
    assert 0.5 < sum(one.response_code != "approved" for one in tries) / len(tries) < 1
    assert tries[-1].event_time - tries[0].event_time < timedelta(minutes=20)


def test_an_account_takeover_changes_the_profile_before_it_pays(population: Population) -> None:
    change, first, *rest = arrivals(population, "account_takeover")
    assert isinstance(change, ProfileChange)
    assert isinstance(first, Event)
    (before,) = (one for one in population.customers if one.card_id == first.transaction.card_id)
    new = change.profile
    homes = {"home_latitude": new.home_latitude, "home_longitude": new.home_longitude}
    assert new == replace(before, **homes, updated_at=change.time)
    assert new.home_latitude != before.home_latitude
    assert timedelta(minutes=10) <= first.time - change.time <= timedelta(days=1)
    usual = {device for holder in population.holders for device in holder.devices}
    assert all(event.transaction.device_id not in usual for event in campaign(population, "account_takeover"))
    assert len(rest) >= 1


def test_impossible_travel_is_faster_than_an_aeroplane(population: Population) -> None:
    home, away, *_ = campaign(population, "impossible_travel")
    (x1, y1), (x2, y2) = (population.place.places[int(one.transaction.terminal_id[1:])] for one in (home, away))
    hours = (away.time - home.time) / timedelta(hours=1)
    assert hypot(x2 - x1, y2 - y1) > FAR - 10
    assert 9 * hypot(x2 - x1, y2 - y1) / hours > 900


def test_skimmed_cards_have_one_terminal_in_common(population: Population) -> None:
    events = campaign(population, "skimming")
    seen = [event.transaction for event in events if not event.is_fraud]
    assert len({one.terminal_id for one in seen}) == 1
    assert {one.card_id for one in seen} == {event.transaction.card_id for event in events if event.is_fraud}
    assert all(event.transaction.channel == "atm" for event in events if event.is_fraud)


def test_a_velocity_burst_is_fast_and_grows(population: Population) -> None:
    paid = [event.transaction for event in campaign(population, "velocity_burst")]
    assert len(paid) >= 12
    assert paid[-1].event_time - paid[0].event_time < timedelta(hours=4)
    assert paid[-1].amount > paid[0].amount


def test_the_adaptive_attacker_stays_below_the_limit_and_changes_on_a_day(population: Population) -> None:
    before, after = (
        [event.transaction.amount for number in range(5) for event in campaign(population, "adaptive", number, day)]
        for day in (ADAPTS_ON_DAY - 1, ADAPTS_ON_DAY)
    )
    assert 190 < min(before) < max(before) < 220
    assert max(after) < 60


def test_a_mule_chain_sends_and_draws_the_money(population: Population) -> None:
    transfer, *draws = (event.transaction for event in campaign(population, "mule_chain"))
    assert transfer.merchant_category == "4829"
    assert len({one.card_id for one in draws}) == len(draws) >= 3
    assert sum(one.amount for one in draws) < transfer.amount


def test_a_bust_out_charges_many_cards_at_one_merchant(population: Population) -> None:
    paid = [event.transaction for event in campaign(population, "bust_out")]
    assert len({one.merchant_id for one in paid}) == 1
    assert len({one.card_id for one in paid}) == len(paid) >= 30


def test_a_slow_drip_takes_its_time(population: Population) -> None:
    times = [event.time for number in range(10) for event in campaign(population, "slow_drip", number)]
    assert max(times) - min(times) > timedelta(days=7)


@pytest.mark.parametrize(("rate", "share"), [("0.1", 0.001), ("0.25", 0.0025), ("0.84", 0.00837)])
def test_hacker_traffic_brings_the_frauds_of_its_base_rate(population: Population, rate: str, share: float) -> None:
    days = 150
    frauds = sum(event.is_fraud for event in Traffic(population, START, "hacker", rate, days=days).events())
    assert frauds / (days * PAYMENTS_A_DAY) == pytest.approx(share, rel=0.35)


def test_lower_rates_are_rarer(population: Population) -> None:
    counts = [
        sum(one.is_fraud for one in Traffic(population, START, "normal", rate, days=30).events())
        for rate in ("0.015", "0.25", "0.84")
    ]
    assert counts[0] < counts[1] < counts[2]


def test_an_attack_can_be_left_out(population: Population) -> None:
    shares = dict.fromkeys(CAMPAIGNS, 0.0) | {"velocity_burst": 1.0}
    found = Counter(event.scenario for event in Traffic(population, START, "hacker", days=20, campaigns=shares).events())
    assert set(found) == {"velocity_burst"}


def event(number: int, is_fraud: bool = False) -> Event:
    time = START + timedelta(minutes=number)
    return Event(time, transaction(transaction_id=f"t{number}", event_time=time), is_fraud)


def test_labels_come_when_they_are_due_and_once() -> None:
    labeller = Labeller(timedelta(days=7))
    for number in range(100):
        labeller.add(event(number))
    assert list(labeller.due(START + timedelta(days=6))) == []
    due = list(labeller.due(START + timedelta(days=7, minutes=49)))
    assert [label.transaction_id for label in due] == [f"t{number}" for number in range(50)]
    assert all(label.labelled_at - label.event_time == timedelta(days=7) for label in due)
    assert len(list(labeller.due(START + timedelta(days=8)))) == 50


def test_a_lognormal_delay_has_its_median() -> None:
    labeller = Labeller(timedelta(days=10), "lognormal")
    labels = [labeller.label(event(number)) for number in range(2_000)]
    delays = sorted((label.labelled_at - label.event_time) / timedelta(days=1) for label in labels if label)
    assert delays[1_000] == pytest.approx(10, rel=0.1)
    assert delays[-1] > 30


def test_a_share_of_frauds_is_never_reported() -> None:
    labeller = Labeller(timedelta(days=7), never_reported=0.3)
    labels = [labeller.label(event(number, is_fraud=True)) for number in range(1_000)]
    assert labels.count(None) == pytest.approx(300, rel=0.2)
    assert all(labeller.label(event(number)) for number in range(100))


def test_hacker_traffic_never_ends_unless_told(population: Population) -> None:
    assert len(list(islice(Traffic(population, START, "hacker").events(), 1_000))) == 1_000
