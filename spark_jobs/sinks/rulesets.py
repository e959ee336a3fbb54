"""What each version of the rules was: one record a version on a compacted topic, for who asks about an old alert."""

from collections.abc import Mapping

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from configuration import FraudDetectionError, KafkaConnection, require_topics
from contract import Ruleset, RuleText, encode
from spark_jobs.transforms.decide import Rule, ruleset_version

TIMEOUT_S = 10.0

log = structlog.get_logger()


def publish(connection: KafkaConnection, topic: str, rules: Mapping[str, Rule]) -> None:
    """Writes the rules under their version; the same version again replaces itself.

    On return Kafka has acknowledged the record, or the log has a warning: decisions do not wait for a topic that explains them.
    """
    version = ruleset_version(rules)
    try:
        require_topics(connection, [topic])  # a broker that makes topics by itself would make one that forgets
        _write(connection, topic, encode(_content(version, rules)), version)
    except (FraudDetectionError, KafkaException) as error:
        advice = "Decisions are not affected. Create the topic, compacted, and let the detector's user write it; then start again."
        log.warning("what these rules were cannot be looked up later", because=str(error), ruleset_version=version, advice=advice)


def _content(version: str, rules: Mapping[str, Rule]) -> Ruleset:
    texts = (
        RuleText(name=name, when=rules[name].when, action=rules[name].action, reason=rules[name].reason) for name in sorted(rules)
    )
    return Ruleset(ruleset_version=version, rules=tuple(texts))


def _write(connection: KafkaConnection, topic: str, value: bytes, version: str) -> None:
    failed: list[KafkaError] = []

    def told(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    limits = {"acks": "all", "delivery.timeout.ms": round(TIMEOUT_S * 1000), "log_level": 0}
    producer = Producer({**connection.librdkafka(), **limits})
    producer.produce(topic, value, key=version.encode(), on_delivery=told)
    producer.flush()
    if failed:
        raise KafkaException(failed[0])
