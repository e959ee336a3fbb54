"""How settings are read and how their mistakes are told; shared by producer, spark_jobs and local."""

from configuration.cluster import BrokerUnreachable, MissingTopic, reach, require_topics
from configuration.durations import Duration
from configuration.errors import FraudDetectionError, report
from configuration.java import NoJava, find_java
from configuration.kafka import KafkaConnection
from configuration.settings import InvalidSettings, Settings
from configuration.topics import TopicNames

__all__ = [
    "BrokerUnreachable",
    "Duration",
    "FraudDetectionError",
    "InvalidSettings",
    "KafkaConnection",
    "MissingTopic",
    "NoJava",
    "Settings",
    "TopicNames",
    "find_java",
    "reach",
    "report",
    "require_topics",
]
