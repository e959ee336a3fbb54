"""A Kafka that is not reached: each cause has a paragraph of its own. For passwords and certificates see test_kafka_users.py."""

import socket

import pytest

from configuration import BrokerUnreachable, KafkaConnection, reach


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("configuration.cluster.TIMEOUT_S", 1.0)


def test_a_name_that_has_no_address_is_told_from_a_broker_that_does_not_answer() -> None:
    with pytest.raises(
        BrokerUnreachable, match=r"No address is found for a name in kafka\.invalid:9092 .*kafka\.invalid"
    ) as caught:
        reach(KafkaConnection(bootstrap_servers="kafka.invalid:9092"))
    assert "DNS" in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_port_at_which_nobody_listens_is_no_broker(host: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"{host}:{bound.getsockname()[1]}"
        with pytest.raises(BrokerUnreachable) as caught:
            reach(KafkaConnection(bootstrap_servers=address))
    assert f"No Kafka broker answers at {address}" in str(caught.value)
    assert "network lets this program through" in str(caught.value)
