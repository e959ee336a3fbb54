"""The Spark session: the configuration that a detector runs with, and the checks before Spark starts."""

import os
from importlib.resources import files
from pathlib import Path

from pyspark.sql import SparkSession

from configuration import find_java
from spark_jobs.errors import MissingConnector
from spark_jobs.settings import Spark

CONF = {
    "spark.sql.session.timeZone": "UTC",
    # A rule that divides by zero answers null, which is no; with ANSI on it would end the stream (docs/adr/0005).
    "spark.sql.ansi.enabled": "false",
    # Real-time mode refuses adaptive execution; streaming batches gain nothing from it.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.streaming.metricsEnabled": "true",
    "spark.sql.streaming.numRecentProgressUpdates": "20",
    "spark.sql.streaming.stateStore.providerClass": "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    "spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage": "true",
    "spark.sql.streaming.stateStore.checkpointFormatVersion": "2",
    # Default 50 ms: it is the median latency of a shuffle in real-time mode.
    "spark.shuffle.streaming.networkBufferMaxWaitTimeMs": "5",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.ui.retainedJobs": "50",
    "spark.ui.retainedStages": "50",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.sql.streaming.ui.retainedQueries": "5",
}

LOCAL = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
"""Without spark-submit driver and tasks are one process: nobody else need reach it."""


def build(name: str, spark: Spark, slots: int, log_dir: Path | None) -> SparkSession:
    """Returns the Spark session of a job, started here. `slots` is how many tasks must run at once.

    Raises:
        NoJava: none is found, or one older than 17.
        MissingConnector: the Kafka connector is not among Spark's jars.
    """
    if not _submitted():
        find_java()
    builder = SparkSession.builder.appName(name)
    if spark.master or not _submitted():
        builder = builder.master(spark.master or f"local[{max(os.cpu_count() or 1, slots)}]")
    conf = {**CONF, **(LOCAL if not _submitted() else {}), **spark.conf}
    if log_dir is not None and not _submitted():
        options = (
            f"-Dlog4j2.configurationFile={files('spark_jobs') / 'log4j2.properties'} -Dfraud.log={log_dir.absolute() / 'spark.log'}"
        )
        conf["spark.driver.extraJavaOptions"] = f"{conf.get('spark.driver.extraJavaOptions', '')} {options}".strip()
    for key, value in conf.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    _check_connector(session)
    return session


def _submitted() -> bool:
    """Returns whether spark-submit started this program and has chosen master, Java and logging."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _check_connector(session: SparkSession) -> None:
    jvm = session.sparkContext._jvm
    try:
        jvm.org.apache.spark.util.Utils.classForName("org.apache.spark.sql.kafka010.KafkaSourceProvider", True, False)  # type: ignore[union-attr]
    except Exception:  # py4j wraps what Java throws
        session.stop()
        raise MissingConnector(
            "Spark's Kafka connector is not on the class path",
            "Run `make setup`: it puts the jars of spark_jobs/connector/pom.xml beside PySpark's own.",
        ) from None
