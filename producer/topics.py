"""Creating the topics. Nothing else in the project creates one."""

import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from configuration import KafkaConnection, reach
from contract import TopicSpec
from producer.errors import TopicRefused

TIMEOUT_S = 10.0
LOOK_EVERY_S = 0.1


def create_topics(connection: KafkaConnection, specs: Sequence[TopicSpec]) -> list[str]:
    """Returns the names of the topics that were created; one that exists already is left as it is.

    Copies of each partition: three where the cluster has three brokers, two of which must have a record before it counts as
    written; else as many as there are brokers.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        TopicRefused: the cluster refuses, for instance for want of rights.
    """
    admin, cluster = reach(connection)
    copies = min(3, len(cluster.brokers))
    durable = {"min.insync.replicas": str(max(copies - 1, 1))}
    wanted = [
        NewTopic(spec.name, num_partitions=spec.partitions, replication_factor=copies, config=spec.settings | durable)
        for spec in specs
        if spec.name not in cluster.topics
    ]
    created = []
    for name, future in (admin.create_topics(wanted, operation_timeout=TIMEOUT_S) if wanted else {}).items():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            cause = error.args[0]
            if isinstance(cause, KafkaError) and cause.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue  # somebody was quicker
            said = cause.str() if isinstance(cause, KafkaError) else error
            raise TopicRefused(
                f"Kafka at {connection.bootstrap_servers} does not create topic {name} ({said})",
                "Create it with the cluster's own tools, or give this user the right to.",
            ) from None
    _until_seen(admin, created)
    return created


def _until_seen(admin: AdminClient, names: Sequence[str]) -> None:
    """Returns once the brokers tell of new topics, or after a while: a broker hears of them later than the controller."""
    deadline = time.monotonic() + TIMEOUT_S
    while names and not set(names) <= admin.list_topics(timeout=TIMEOUT_S).topics.keys() and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
