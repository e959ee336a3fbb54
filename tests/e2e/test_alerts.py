"""Real-time mode over mutual TLS, on a cluster that looks as Strimzi's does: Secrets, address, rights."""

import re
from collections.abc import Callable

import pytest

from tests.e2e import strimzi
from tests.e2e.cluster import Namespace, Object
from tests.e2e.crds import CRD_DIR, define
from tests.e2e.kafka import Account, Broker, named
from tests.e2e.release import Release

pytestmark = pytest.mark.skipif(not CRD_DIR.is_dir(), reason=f"no CRDs in {CRD_DIR}: set CRD_DIR to a folder with Strimzi's")
START_S = 240.0


def test_alerts_over_mutual_tls_in_real_time_mode(release: Callable[[str], Release], broker: Broker, namespace: Namespace) -> None:
    define(namespace)
    alerts = release("alerts")
    topics, names = named(alerts.name)
    values: Object = {
        "topics": {"names": names},
        "detector": {"config": {"trigger": {"duration": "10s"}, "stop_timeout": "20s"}},
    }
    rendered = alerts.render("kafka-alerts", values)
    strimzi.create_topics(broker.admin, [one for one in rendered if one["kind"] == "KafkaTopic"])
    users = [one for one in rendered if one["kind"] == "KafkaUser"]
    strimzi.grant(broker.admin, users)
    for user in users:
        broker.user(user["metadata"]["name"])
    before = namespace.everything()

    alerts.apply("kafka-alerts", values)
    started = alerts.until_logged("detector started", START_S)
    assert "mode=realTime" in started.string
    printed = alerts.test()
    found = re.search(r"alert after (\d+) ms", printed)
    assert found, printed
    print(found[0])
    account = Account(broker, topics)
    account.settle()
    assert account.alerts
    assert not account.rejected()

    alerts.restart(START_S)
    account.settle()
    assert account.repeats == 0, "a drained stop replays nothing"
    alerts.uninstall()
    namespace.until_only(before | {f"PersistentVolumeClaim/{alerts.name}-checkpoint"}, 120)
