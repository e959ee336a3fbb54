"""Foreign records in a detector's own process, in real time."""

import json

import pytest

from configuration import KafkaConnection, TopicNames
from contract import Scored, decode
from harness.detector import Detector
from harness.kafka import read_all, send
from tests.foreign import ARRAY


@pytest.mark.fresh
def test_an_array_of_foreign_records_flows_in_real_time(detector: Detector, kafka: KafkaConnection, topics: TopicNames) -> None:
    later = json.dumps([one | {"id": f"later-{one['id']}"} for one in json.loads(ARRAY.value)]).encode()
    send(kafka.bootstrap_servers, topics.transactions, [(b"k", ARRAY.value)])
    trigger = {"mode": "realTime", "duration": "5s", "catch_up": False}
    detector.start("realTime", trigger=trigger, state_partitions=1, input=ARRAY.settings)
    send(kafka.bootstrap_servers, topics.transactions, [(b"k", later)])
    detector.until_scored(6)
    assert detector.stop() == 0
    scored = {
        decode(Scored, record.value).transaction.transaction_id for record in read_all(kafka.bootstrap_servers, topics.scored)
    }
    assert scored == {f"{begin}tx{number}" for begin in ("", "later-") for number in range(3)}
