"""The rule of the features, told twice: slowly for any order, quickly for data in order. And what one false record may do."""

import re
from dataclasses import asdict, replace
from datetime import timedelta
from random import Random

import pandas as pd
import pytest

from contract import Customer, Label, Merchant, Transaction
from harness.oracle import features
from harness.ranges import assert_in_range
from harness.rule import Deleted, Record, Rule, batch_order
from harness.worlds import assert_same
from spark_jobs.features import GROUPS, LATENESS, ROW_FEATURES
from spark_jobs.vocabulary import Output
from tests.feature_worlds import DAY, HOUR, SECOND, by_rule, customer, merchant, payments_of, world
from tests.records import AT, transaction
from training.labels import that_count

SEEDS = range(12)
LABEL = Label(transaction_id="old", card_id="card-1", terminal_id="T00001", event_time=AT, labelled_at=AT + DAY, is_fraud=True)
OLD, NOW = transaction(transaction_id="old"), transaction(transaction_id="now", event_time=AT + 7 * DAY + HOUR)
"""A payment, and one that sees what is known of it."""


def frame(records: list[Record], kind: type) -> pd.DataFrame:
    rows = pd.DataFrame([asdict(one) for one in records if isinstance(one, kind)])
    times = {name: "datetime64[us, UTC]" for name in ("event_time", "labelled_at", "updated_at") if name in rows}
    return rows.astype(times)


def test_the_quick_oracle_is_the_slow_one() -> None:
    records = [one for seed in SEEDS for one in world(seed)]
    quick = features(*(frame(records, kind) for kind in (Transaction, Label, Customer, Merchant)))
    slow = by_rule(batch_order(records))
    assert len(payments_of(slow)) > 400
    assert payments_of(slow)["terminal_risk_30d"].between(0.01, 0.99).sum() > 50
    assert_same(quick, slow, tolerance=1e-9)


def test_every_feature_stays_in_its_range() -> None:
    assert_in_range(payments_of(by_rule(batch_order([one for seed in SEEDS for one in world(seed, largest=True)]))))


@pytest.mark.parametrize(
    ("labels", "frauds"),
    [
        ([LABEL], 1),
        ([LABEL, replace(LABEL, labelled_at=AT + 2 * DAY, is_fraud=False)], 0),
        ([replace(LABEL, labelled_at=AT + 2 * DAY, is_fraud=False), LABEL], 0),
        ([LABEL, replace(LABEL, source="analyst", is_fraud=False), replace(LABEL, source="chargeback")], 1),
        ([replace(LABEL, source="chargeback"), replace(LABEL, source="customer", is_fraud=False)], 1),
        ([LABEL, replace(LABEL, is_fraud=False)], 1),
        ([LABEL, replace(LABEL, event_time=AT.replace(microsecond=0)), replace(LABEL, event_time=AT + SECOND)], 1),
        ([replace(LABEL, event_time=AT + SECOND + SECOND / 1000)], 0),
        ([LABEL, replace(LABEL, transaction_id="never paid")], 1),
    ],
)
def test_one_rule_of_labels(labels: list[Label], frauds: int) -> None:
    rule = Rule()
    rule.arrives(OLD)
    for label in labels:
        rule.arrives(label)
    found = rule.arrives(NOW)
    assert found
    assert (found["terminal_fraud_count_1d_delay_7d"], found["terminal_risk_1d"]) == (frauds, frauds)
    theirs = [one for one in labels if one.transaction_id == "old" and abs(one.event_time - AT) <= SECOND]
    if theirs:
        (counted,) = that_count(frame([*theirs], Label))["is_fraud"]
        assert counted == bool(frauds), "the trainer believes another one"


def hostile(draw: Random, records: list[Record], place: int) -> Record | Deleted:
    """Returns a record that the decoder lets pass: of the past, or ahead by what it allows, perhaps with another's id or key."""
    paid = [one for one in records if isinstance(one, Transaction)]
    before = [one.event_time for one in records[:place] if isinstance(one, Transaction)]
    newest, other, another = max(before, default=AT), draw.choice(paid), draw.choice(paid)
    time = draw.choice((newest + LATENESS, newest + timedelta(minutes=10), newest - 40 * DAY, AT - 2_000 * DAY, other.event_time))
    name = draw.choice((other.transaction_id, "hostile"))
    match draw.randrange(4):
        case 0:
            label = replace(LABEL, transaction_id=name, card_id=other.card_id, terminal_id=another.terminal_id, event_time=time)
            return replace(label, labelled_at=time + draw.choice((0, 1, 400)) * DAY, is_fraud=draw.random() < 0.5)
        case 1:
            return draw.choice((customer(other.card_id, time, 0.0), Deleted(Customer, other.card_id)))
        case 2:
            return draw.choice((merchant(other.terminal_id, time), Deleted(Merchant, other.terminal_id)))
    return replace(another, transaction_id=name, card_id=other.card_id, event_time=time)


OUTPUTS = {output.name: (group.key, output) for group in GROUPS for output in group.outputs}
MADE_OF = {name: {name} for name in OUTPUTS} | {
    one.name: set(re.findall(r"\w+", one.expression)) & set(OUTPUTS) for one in ROW_FEATURES
}
"""The windows that each feature looks through."""


def concerns(bad: Record | Deleted, seen: Transaction, key: str, output: Output) -> bool:
    """Returns whether the record lies in the window, as this transaction sees it."""
    of, window = output.aggregation.of, output.window
    if not isinstance(bad, Transaction | Label):
        kind = bad.kind if isinstance(bad, Deleted) else type(bad)
        return of is kind and (bad.key if isinstance(bad, Deleted) else getattr(bad, key)) == getattr(seen, key)
    if window is None or getattr(bad, key) != getattr(seen, key) or (of is Transaction and isinstance(bad, Label)):
        return False
    # A label, or a second payment of an id, moves what is said of payments up to a second away on either side.
    near = 2 * SECOND if of is Label else timedelta(0)
    end = seen.event_time - output.aggregation.delay
    return end - window - near < bad.event_time <= end + near


def concerned(bad: Record | Deleted, seen: Transaction) -> set[str]:
    """Returns the features in whose windows the record lies."""
    return {name for name, parts in MADE_OF.items() if any(concerns(bad, seen, *OUTPUTS[part]) for part in parts)}


def test_one_false_record_changes_nothing_but_the_windows_in_which_it_lies() -> None:
    """Whatever it says, and wherever it comes: all other cards and terminals, and all windows beside it, see what they saw."""
    changed = 0
    for seed in range(80):
        draw, records = Random(seed), batch_order(world(seed, 30))  # noqa: S311
        place = draw.randrange(len(records))
        bad = hostile(draw, records, place)
        without, with_it = Rule(), Rule()
        for number, one in enumerate(records):
            if number == place:
                with_it.arrives(bad)
            before, after = without.arrives(one), with_it.arrives(one)
            if isinstance(one, Transaction) and before != after:
                assert before is not None
                assert after is not None
                differ = {name for name in before if before[name] != after[name]}
                assert differ <= concerned(bad, one), f"seed {seed}: {bad} changed {differ} of {one}"
                changed += 1
    assert changed > 20, "hostile records that nobody meets prove nothing"


def test_a_clock_that_is_ahead_takes_nothing_from_others() -> None:
    """The oldest payment that a window can hold is there, with its label, whatever a false clock says before."""
    now = AT + 37 * DAY - SECOND
    seen = []
    for ahead in (timedelta(0), LATENESS):
        rule = Rule()
        for one in (OLD, replace(LABEL, source="chargeback"), transaction(transaction_id="false", event_time=now + ahead)):
            rule.arrives(one)
        found = rule.arrives(transaction(transaction_id="now", event_time=now))
        assert found
        seen.append([found[name] for name in ("terminal_count_30d_delay_7d", "terminal_risk_30d", "card_fraud_count_30d_delay_7d")])
    assert seen == [[1, 1, 1]] * 2
