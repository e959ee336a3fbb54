"""How settings are read and how their mistakes are told; shared by producer, spark_jobs and local."""

from configuration.durations import Duration
from configuration.errors import FraudDetectionError, report
from configuration.kafka import KafkaConnection
from configuration.settings import InvalidSettings, Settings
from configuration.topics import TopicNames

__all__ = ["Duration", "FraudDetectionError", "InvalidSettings", "KafkaConnection", "Settings", "TopicNames", "report"]
