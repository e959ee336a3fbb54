"""Senders and readers of different versions: what one writes, the other reads, whichever is upgraded first.

version2/ has the JSON Schemas of version 2, as they were released: closed, as its readers are.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from contract import Alert, Customer, Label, Merchant, Scored, Transaction, decode, encode
from producer.labels import Labeller
from producer.people import Population, populate
from producer.traffic import Traffic
from tests.records import alert, scored, transaction

VERSION_2 = Path(__file__).parent / "version2"
START = datetime(2018, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(START)


@cache
def reader_of_version_2(kind: type) -> Draft202012Validator:
    return Draft202012Validator(json.loads((VERSION_2 / f"{kind.__name__.lower()}.schema.json").read_text()))


def test_a_detector_of_version_2_reads_todays_producer(population: Population) -> None:
    events = list(islice(Traffic(population, START, "all", days=1).events(), 2_000))
    labeller = Labeller(timedelta(days=7))
    labels = [labeller.label(event) for event in events[:200]]
    for kind, records in (
        (Transaction, [event.transaction for event in events]),
        (Label, labels),
        (Customer, population.customers[:200]),
        (Merchant, population.merchants[:200]),
    ):
        assert records
        for one in records:
            reader_of_version_2(kind).validate(json.loads(encode(one)))


def test_readers_of_version_2_read_what_is_made_of_their_payments() -> None:
    """As long as a payment has nothing new, neither has what the detector says of it."""
    for kind, one in ((Scored, scored(transaction())), (Alert, alert(transaction()))):
        reader_of_version_2(kind).validate(json.loads(encode(one)))


def test_todays_reader_reads_version_2() -> None:
    wire = (
        b'{"transaction_id":"t1","event_time":"2018-04-01T12:30:15.250000Z","card_id":"card-1","customer_id":"C00001","terminal_id":'
        b'"T00001","merchant_id":"M00001","merchant_category":"5411","amount":"12.50","currency":"EUR","channel":"pos","country":"FR",'
        b'"response_code":"approved","latitude":48.85,"longitude":2.35}'
    )
    reader_of_version_2(Transaction).validate(json.loads(wire))
    assert decode(Transaction, wire) == transaction()


def test_todays_reader_reads_what_tomorrows_sender_adds() -> None:
    wire = json.loads(encode(transaction())) | {"sca_exemption": "low_value", "device": {"os": "x"}}
    assert decode(Transaction, json.dumps(wire).encode()) == transaction()
