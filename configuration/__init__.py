"""What every program here shares: settings, the Kafka cluster, Java, errors told in one paragraph, a clean stop."""

from configuration.card_key import NoCardKey, card_token, read_card_key
from configuration.cluster import AccessRefused, BrokerUnreachable, MissingTopic, reach, require_topics
from configuration.durations import Duration
from configuration.errors import FraudDetectionError, report
from configuration.java import NoJava, find_java
from configuration.kafka import KafkaConnection
from configuration.listening import in_url, listening_address
from configuration.postgres import PostgresConnection
from configuration.settings import InvalidSettings, Settings, require_known_variables
from configuration.signals import stop_signals
from configuration.topics import TopicNames
from configuration.transactions import NotWritten, Outgoing, Transactions

__all__ = [
    "AccessRefused",
    "BrokerUnreachable",
    "Duration",
    "FraudDetectionError",
    "InvalidSettings",
    "KafkaConnection",
    "MissingTopic",
    "NoCardKey",
    "NoJava",
    "NotWritten",
    "Outgoing",
    "PostgresConnection",
    "Settings",
    "TopicNames",
    "Transactions",
    "card_token",
    "find_java",
    "in_url",
    "listening_address",
    "reach",
    "read_card_key",
    "report",
    "require_known_variables",
    "require_topics",
    "stop_signals",
]
