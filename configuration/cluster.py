"""Looking at a Kafka cluster before work begins, so that a wrong address or a missing topic is one paragraph and not a trace."""

from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from configuration.errors import FraudDetectionError
from configuration.kafka import KafkaConnection

TIMEOUT_S = 10.0


class BrokerUnreachable(FraudDetectionError):
    """No broker answers at the given address."""


class AccessRefused(FraudDetectionError):
    """The brokers do not accept who we are, or we do not accept who they are."""


class MissingTopic(FraudDetectionError):
    """A topic that the program reads or writes does not exist."""


def reach(connection: KafkaConnection) -> tuple[AdminClient, ClusterMetadata]:
    """Returns a client and what it sees: brokers, topics, partitions.

    Raises:
        BrokerUnreachable: a broker's name has no address, none answers within ten seconds, or a file under `kafka` cannot be read.
        AccessRefused: one answers, but user and password, or a certificate, are not accepted.
    """
    told: list[Any] = []  # of KafkaError; the stubs say that it may be text
    try:
        admin = AdminClient({**connection.librdkafka(), "error_cb": told.append, "log_level": 0})
        try:
            return admin, admin.list_topics(timeout=TIMEOUT_S)
        except KafkaException as error:
            admin.poll(0)  # why, it says on being asked
            raise _unreached(connection, [*told, error.args[0]]) from None
    except OSError as error:
        raise BrokerUnreachable(f"{error.filename} cannot be read: {error.strerror}", "Check the files under `kafka`.") from None
    except KafkaException as error:  # of the settings: a certificate is none, a key does not fit
        raise _unreached(connection, [error.args[0]]) from None


def _unreached(connection: KafkaConnection, told: Sequence[Any]) -> FraudDetectionError:
    """Returns the error to report, by the first that librdkafka has told of the most telling kind."""
    by_code = {error.code(): error.str() for error in reversed(told)}
    where = connection.bootstrap_servers
    if refused := by_code.get(KafkaError._AUTHENTICATION):
        return AccessRefused(
            f"Kafka at {where} does not accept this user and password ({refused})",
            "Check kafka.sasl_username, kafka.sasl_mechanism and the file kafka.sasl_password_file.",
        )
    if refused := by_code.get(KafkaError._SSL):
        return AccessRefused(
            f"Kafka at {where} and this program do not trust each other's certificates ({refused})",
            "Check kafka.ca_file, kafka.certificate_file, kafka.key_file and whether they have run out.",
        )
    if unknown := by_code.get(KafkaError._RESOLVE):
        return BrokerUnreachable(
            f"No address is found for a name in {where} ({unknown})",
            "Check the names in kafka.bootstrap_servers. Where they are right, no DNS server that this program reaches knows them.",
        )
    return BrokerUnreachable(
        f"No Kafka broker answers at {where} ({told[0].str()})",
        "Check kafka.bootstrap_servers, that the broker runs, and that the network lets this program through to it; with TLS check "
        "the files under `kafka`.",
    )


def require_topics(connection: KafkaConnection, names: Sequence[str]) -> dict[str, int]:
    """Returns the number of partitions of each topic.

    Raises:
        BrokerUnreachable, AccessRefused: as `reach`.
        MissingTopic: with the names of all that are missing.
    """
    _, cluster = reach(connection)
    if missing := [name for name in names if name not in cluster.topics]:
        raise MissingTopic(
            f"Kafka at {connection.bootstrap_servers} has no topic {', '.join(missing)}",
            "Create it (`python -m producer topics` creates all), or set its name under `topics`.",
        )
    return {name: len(cluster.topics[name].partitions) for name in names}
