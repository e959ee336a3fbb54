"""The order of a card's payments, where they flow one by one through the histories of many terminals."""

from collections import defaultdict
from datetime import timedelta

import pytest

from configuration import KafkaConnection, TopicNames
from contract import Scored, decode, encode
from harness.detector import Detector
from harness.kafka import read_all, send
from tests.records import AT, transaction

PAYMENTS, CARDS, TERMINALS = 6_000, 60, 401


@pytest.mark.fresh
def test_what_waits_and_flows_in_real_time_counts_each_earlier_payment_of_its_card(
    detector: Detector, kafka: KafkaConnection, topics: TopicNames
) -> None:
    paid = [
        transaction(
            transaction_id=f"t{number}",
            card_id=f"card-{number % CARDS}",
            terminal_id=f"terminal-{number * 37 % TERMINALS}",
            event_time=AT + timedelta(seconds=number),
        )
        for number in range(PAYMENTS)
    ]
    send(kafka.bootstrap_servers, topics.transactions, ((one.card_id.encode(), encode(one)) for one in paid))
    detector.settings |= {"rules": {}, "console": {"enabled": False}}
    detector.start("realTime", trigger={"mode": "realTime", "duration": "5s", "catch_up": False})
    detector.until_scored(PAYMENTS)
    assert detector.stop() == 0

    counted: dict[str, list[float | None]] = defaultdict(list)
    for record in read_all(kafka.bootstrap_servers, topics.scored):
        scored = decode(Scored, record.value or b"")
        counted[scored.transaction.card_id].append(scored.features["card_count_30d"])
    assert len(counted) == CARDS
    assert {card: counts for card, counts in counted.items() if counts != list(range(1, len(counts) + 1))} == {}
