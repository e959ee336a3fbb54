"""The notifier without any server: which alerts go where, what becomes one message, when it is tried again, what it says."""

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from notifier.grouping import MOST_IN_ONE, Waiting, plan
from notifier.metrics import NotifierMetrics
from notifier.outbox import Outbox
from notifier.retries import pause_s
from notifier.routes import channels_of
from notifier.settings import Route, SqliteOutbox
from tests.outboxes import CHANNEL, GROUP_S, NOW, PER_MINUTE, add, ids, sent, warned

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    found = Outbox(SqliteOutbox(path=tmp_path / "outbox.db"))
    found.make()
    return found


@pytest.mark.parametrize(
    ("route", "taken"),
    [
        ({}, {"small", "large", "scored"}),
        ({"decisions": ["decline"]}, {"large"}),
        ({"rules": ["night", "other"]}, {"large"}),
        ({"min_amount": "100"}, {"large"}),
        ({"min_amount": "12.50"}, {"small", "large", "scored"}),
        ({"min_score": 0.5}, {"scored"}),
        ({"min_score": 0.5, "decisions": ["decline"]}, set()),
    ],
)
def test_a_route_takes_what_meets_all_its_conditions(route: dict[str, Any], taken: set[str]) -> None:
    alerts = {
        "small": warned(1),
        "large": warned(2, decision="decline", amount=Decimal(100), rules=("over", "night")),
        "scored": warned(3, fraud_score=0.5),
    }
    chosen = Route.model_validate({"channels": ["desk"], **route})
    assert {name for name, one in alerts.items() if channels_of(one, [chosen])} == taken


def test_an_alert_goes_to_each_channel_once() -> None:
    routes = [Route(channels=["desk", "pager"]), Route(channels=["pager", "cases"])]
    assert channels_of(warned(1), routes) == ["desk", "pager", "cases"]


def test_fifty_alerts_of_a_card_are_a_message_and_an_update(outbox: Outbox) -> None:
    messages = []
    for number in range(50):
        now = NOW + 6 * number  # in five minutes
        add(outbox, now, warned(number))
        messages += [(now - NOW, one) for one in sent(outbox, now)]
    messages += [(GROUP_S, one) for one in sent(outbox, NOW + GROUP_S)]
    ((first_at, first), (then_at, update)) = messages
    assert (first_at, first.kind, ids(first)) == (0, "alert", ["a00000"])
    assert (then_at, update.kind, ids(update)) == (GROUP_S, "update", [f"a{number:05}" for number in range(1, 50)])
    assert (update.thread, update.id) == (first.id, "a00001")
    add(outbox, NOW + GROUP_S + 1, warned(50))
    (anew,) = sent(outbox, NOW + GROUP_S + 1)
    assert (anew.kind, anew.thread) == ("alert", "a00050"), "a later attack is a message of its own"


def test_cards_are_not_mixed_and_a_repeat_is_none(outbox: Outbox) -> None:
    add(outbox, NOW, warned(1), warned(2, "card-2"), warned(3), warned(1))
    assert [ids(one) for one in sent(outbox, NOW)] == [["a00001", "a00003"], ["a00002"]]
    add(outbox, NOW + 1, warned(2, "card-2"), warned(1))
    assert sent(outbox, NOW + 2 * GROUP_S) == [], "the detector has repeated itself"


def test_what_is_above_the_cap_becomes_a_digest(outbox: Outbox) -> None:
    add(outbox, NOW, *(warned(number, f"card-{number}") for number in range(40)))
    first = sent(outbox, NOW)
    assert [one.kind for one in first] == ["alert"] * (PER_MINUTE - 1) + ["digest"]
    assert [len(one.notices) for one in first] == [1] * (PER_MINUTE - 1) + [31]
    add(outbox, NOW + 1, *(warned(number, f"card-{number}") for number in range(40, 45)))
    assert sent(outbox, NOW + 59) == [], "the minute's ten are used up"
    later = sent(outbox, NOW + 61)
    assert [ids(one) for one in later] == [[f"a{number:05}"] for number in range(40, 45)]


def test_a_test_message_is_no_part_of_the_cap(outbox: Outbox) -> None:
    for _ in range(PER_MINUTE):
        outbox.add_test(CHANNEL, NOW)
    add(outbox, NOW, warned(1))
    assert [one.kind for one in sent(outbox, NOW)].count("alert") == 1


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30),
    st.integers(0, 6),
    st.booleans(),
)
def test_every_alert_is_in_one_message_and_none_is_dropped(cards: list[tuple[str, bool]], budget: int, grouped: bool) -> None:
    waiting = [
        Waiting(place, f"a{place}", card, NOW, "first" if is_gathered else None, NOW if is_gathered else None)
        for place, (card, is_gathered) in enumerate(cards)
    ]
    planned = plan(waiting, budget, grouped=grouped)
    assert len(planned) <= budget
    places = [alert.place for one in planned for alert in one.alerts]
    assert len(places) == len(set(places))
    assert len({one.id for one in planned}) == len(planned)
    if budget:
        assert set(places) == set(range(len(cards))), "they are far fewer than one digest takes"


def test_a_message_is_bounded() -> None:
    waiting = [Waiting(place, f"a{place}", "c", NOW, None, None) for place in range(3 * MOST_IN_ONE)]
    assert [len(one.alerts) for one in plan(waiting, 9, grouped=True)] == [MOST_IN_ONE] * 3
    assert [len(one.alerts) for one in plan(waiting, 1, grouped=True)] == [MOST_IN_ONE]


def test_pauses_grow_from_five_seconds_to_a_day() -> None:
    chosen = random.Random(1)  # noqa: S311 no secret
    pauses = [pause_s(tries, chosen) for tries in range(1, 11)]
    assert all(pause is not None for pause in pauses)
    assert 5 <= (pauses[0] or 0) <= 6
    assert pauses == sorted(pauses, key=lambda one: one or 0)
    assert pauses[-1] == 86_400
    assert pause_s(11, chosen) is None
    assert len({pause_s(3, chosen) for _ in range(9)}) == 9, "what failed together does not come again together"


def test_a_claimed_message_is_due_again_only_when_its_lease_is_over(outbox: Outbox) -> None:
    add(outbox, NOW, warned(1))
    outbox.plan(CHANNEL, NOW, group_s=0, per_minute=9)
    first = outbox.claim(CHANNEL, NOW, lease_s=30)
    assert first is not None
    assert outbox.claim(CHANNEL, NOW + 29, lease_s=30) is None
    again = outbox.claim(CHANNEL, NOW + 31, lease_s=30)
    assert again is not None
    assert (again.message, again.tries) == (first.message, 2), "the one who had it may have been killed"


def test_what_is_dead_is_listed_and_sent_again_with_its_id(outbox: Outbox) -> None:
    add(outbox, NOW, warned(1))
    add(outbox, NOW, warned(1), channel="other")
    outbox.plan(CHANNEL, NOW, group_s=0, per_minute=9)
    claimed = outbox.claim(CHANNEL, NOW, lease_s=30)
    assert claimed is not None
    outbox.dead(CHANNEL, claimed.message.id, "HTTP 503")
    assert [(one["channel"], one["message_id"], one["alerts"], one["why"]) for one in outbox.dead_messages()] == [
        (CHANNEL, "a00001", 1, "HTTP 503")
    ]
    assert outbox.retry("other", NOW) == 0
    assert outbox.retry(CHANNEL, NOW) == 1
    assert sent(outbox, NOW) == [claimed.message]
    assert outbox.dead_messages() == []


def test_a_receiver_that_is_gone_gets_nothing_until_somebody_asks_for_it(outbox: Outbox) -> None:
    add(outbox, NOW, warned(1), warned(2, "card-2"))
    outbox.plan(CHANNEL, NOW, group_s=0, per_minute=9)
    outbox.gone(CHANNEL, "HTTP 410")
    add(outbox, NOW + 1, warned(3, "card-3"))
    assert sent(outbox, NOW + 2) == []
    assert (outbox.count(CHANNEL).gone, outbox.count(CHANNEL).dead, outbox.count(CHANNEL).oldest) == ("HTTP 410", 3, None)
    outbox.retry(None, NOW + 3)
    assert [ids(one) for one in sent(outbox, NOW + 3)] == [["a00001"], ["a00002"], ["a00003"]]


def test_the_outbox_forgets_what_is_old_and_done_and_nothing_else(outbox: Outbox) -> None:
    add(outbox, NOW, warned(1))
    assert len(sent(outbox, NOW)) == 1
    add(outbox, NOW + 1, warned(2))
    outbox.forget(CHANNEL, NOW + 1_000)
    add(outbox, NOW + 2_000, warned(1))
    assert [ids(one) for one in sent(outbox, NOW + 2_000)] == [["a00002", "a00001"]]


def test_the_page_lists_every_metric_of_the_notifier_as_it_is() -> None:
    registry = CollectorRegistry()
    NotifierMetrics(registry, ["desk"]).up_to_date(lambda: True)
    known = {
        (f"`{one.name}{'_total' if one.type == 'counter' else ''}`", one.type, one.documentation) for one in registry.collect()
    }
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.read_text().splitlines()]
    assert {(row[0], row[1], row[3]) for row in rows if row and row[0].startswith("`fraud_notify_")} == known
