"""Creating the topics. Nothing else in the project creates one."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic

from configuration import KafkaConnection, reach
from contract import TopicSpec

TIMEOUT_S = 10.0


def create_topics(connection: KafkaConnection, specs: Sequence[TopicSpec]) -> list[str]:
    """Returns the names of the topics that were created; one that exists already is left as it is.

    Copies of each partition: three where the cluster has three brokers, else as many as it has.

    Raises:
        BrokerUnreachable: no broker answers within ten seconds.
        KafkaException: the cluster refuses, for instance for want of rights.
    """
    admin, cluster = reach(connection)
    copies = min(3, len(cluster.brokers))
    wanted = [
        NewTopic(spec.name, num_partitions=spec.partitions, replication_factor=copies, config=spec.settings)
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
            if not isinstance(cause, KafkaError) or cause.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise  # else somebody was quicker
    return created
