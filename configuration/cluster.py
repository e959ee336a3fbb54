"""Looking at a Kafka cluster before work begins, so that a wrong address or a missing topic is one paragraph and not a trace."""

from collections.abc import Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from configuration.errors import FraudDetectionError
from configuration.kafka import KafkaConnection

TIMEOUT_S = 10.0


class BrokerUnreachable(FraudDetectionError):
    """No broker answers at the given address."""


class MissingTopic(FraudDetectionError):
    """A topic that the program reads or writes does not exist."""


def reach(connection: KafkaConnection) -> tuple[AdminClient, ClusterMetadata]:
    """Returns a client and what it sees: brokers, topics, partitions.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
    """
    causes: list[str] = []
    try:
        admin = AdminClient({**connection.librdkafka(), "error_cb": lambda error: causes.append(error.str()), "log_level": 0})
        return admin, admin.list_topics(timeout=TIMEOUT_S)
    except OSError as error:
        raise BrokerUnreachable(f"{error.filename} cannot be read: {error.strerror}", "Check the files under `kafka`.") from None
    except KafkaException as error:
        raise BrokerUnreachable(
            f"No Kafka broker answers at {connection.bootstrap_servers} ({causes[0] if causes else error})",
            "Check kafka.bootstrap_servers and that the broker runs (`fraud status`); with TLS check the files under `kafka`.",
        ) from None


def require_topics(connection: KafkaConnection, names: Sequence[str]) -> dict[str, int]:
    """Returns the number of partitions of each topic.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        MissingTopic: with the names of all that are missing.
    """
    _, cluster = reach(connection)
    if missing := [name for name in names if name not in cluster.topics]:
        raise MissingTopic(
            f"Kafka at {connection.bootstrap_servers} has no topic {', '.join(missing)}",
            "Create it (`fraud topics --create`, or `python -m producer run --create-topics`), or set its name under `topics`.",
        )
    return {name: len(cluster.topics[name].partitions) for name in names}
