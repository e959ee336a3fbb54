"""`::` is every address: a kubelet and a Prometheus of IPv4 and of IPv6 reach the same port."""

import socket
from collections.abc import Callable
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry

from configuration import in_url, listening_address
from configuration.serving import serving
from spark_jobs.health import Health, serve


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def watcher_answers(hosts: list[str]) -> list[int]:
    with serving(CollectorRegistry(), "::", 0, lambda: True) as port:
        return [status(host, port) for host in hosts]


def detector_answers(hosts: list[str]) -> list[int]:
    port = free_port()
    serve(CollectorRegistry(), Health(lambda: 0.0), "::", port)
    return [status(host, port) for host in hosts]


def status(host: str, port: int) -> int:
    with urlopen(f"http://{in_url(host)}:{port}/healthz") as answer:
        found: int = answer.status
    return found


def has_ipv6() -> bool:
    if not socket.has_dualstack_ipv6():
        return False
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest.mark.parametrize("answers", [watcher_answers, detector_answers])
def test_every_address_is_served(answers: Callable[[list[str]], list[int]]) -> None:
    hosts = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]
    assert answers(hosts) == [200] * len(hosts)


@pytest.mark.parametrize("answers", [watcher_answers, detector_answers])
def test_a_machine_without_ipv6_serves_all_the_same(
    answers: Callable[[list[str]], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    assert answers(["127.0.0.1"]) == [200]
    assert listening_address("::") == "0.0.0.0"  # noqa: S104 what is asked for
    assert [listening_address(host) for host in ("127.0.0.1", "::1")] == ["127.0.0.1", "::1"]
