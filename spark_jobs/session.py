"""The Spark session: the configuration that a detector runs with, and the checks before Spark starts."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from configuration import find_java
from spark_jobs.errors import MissingConnector, UnusableFolder, UnusableStorage
from spark_jobs.settings import S3, Spark

CONF = {
    "spark.sql.session.timeZone": "UTC",
    # A rule that divides by zero answers null, which is no; with ANSI on it would end the stream (docs/adr/0005).
    "spark.sql.ansi.enabled": "false",
    # Real-time mode refuses adaptive execution; streaming batches gain nothing from it.
    "spark.sql.adaptive.enabled": "false",
    # Of a batch; a stream takes settings.state_partitions.
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.streaming.numRecentProgressUpdates": "20",
    "spark.sql.streaming.stateStore.providerClass": "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    "spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage": "true",
    "spark.sql.streaming.stateStore.checkpointFormatVersion": "2",
    # A first real-time batch that was cut off leaves state files that no commit names, and micro-batch mode would refuse to begin
    # beside them. They are never read. State of other features is refused by spark_jobs/checkpoint.py.
    "spark.sql.streaming.verifyCheckpointDirectoryEmptyOnStart": "false",
    # Spark's own choice asks a local disk by processes, chmod and readlink, ninety of them a checkpoint (docs/adr/0016).
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    ),
    # Default 50 ms: it is the median latency of a shuffle in real-time mode, and there are two of them.
    "spark.shuffle.streaming.networkBufferMaxWaitTimeMs": "2",
    # The two shuffles are read at once, by a neighbour: to compress them takes more than it saves (docs/adr/0019).
    "spark.shuffle.compress": "false",
    # Spark's own default, INT96, is deprecated in Parquet.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.ui.retainedJobs": "50",
    "spark.ui.retainedStages": "50",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.sql.streaming.ui.retainedQueries": "5",
}

HUGE_METHODS = "-XX:-DontCompileHugeMethods"
"""Spark writes all that follows the second history as one method, larger than what Java compiles by itself (docs/adr/0019)."""

OUT_OF_MEMORY = "-XX:+ExitOnOutOfMemoryError"
"""A thread that an OutOfMemoryError ends is missed by the others, who wait for it: the process ends, and is started again."""


def java_options(*, is_real_time: bool) -> dict[str, str]:
    """Returns Spark's settings of Java: where alerts must not wait a collector without pauses, else one that takes least time."""
    collector = "-XX:+UseZGC" if is_real_time else "-XX:+UseParallelGC"
    return {f"spark.{role}.defaultJavaOptions": f"{collector} {HUGE_METHODS} {OUT_OF_MEMORY}" for role in ("driver", "executor")}


KERNEL = "frauddetection.spark.History"
KAFKA_SOURCE = "org.apache.spark.sql.kafka010.KafkaSourceProvider"
S3A = "org.apache.hadoop.fs.s3a.S3AFileSystem"
SDK_CHAIN = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
"""Environment, web identity token of a ServiceAccount, profile, container, machine: the AWS SDK's own order."""
PROFILE_FILE = "org.apache.hadoop.fs.s3a.auth.ProfileAWSCredentialsProvider"

LOCAL = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "2g"}
"""Without spark-submit driver and tasks are one process: nobody else need reach it, and it needs memory for both."""

SMALL = "512m"
"""Memory of a Spark that computes next to nothing: it may run in the detector's own pod, beside the detector."""


def build(name: str, spark: Spark, s3: S3, slots: int, log_dir: Path | None, *, is_real_time: bool = False) -> SparkSession:
    """Returns the Spark session of a job, started here. `slots` is how many tasks must run at once.

    What Java and Spark's log say goes to spark.log in `log_dir`, or, where that is None, to standard error. spark-submit has chosen
    another place already.

    Raises:
        NoJava: none is found, or one older than 17.
        UnusableFolder: `log_dir` cannot be made.
        MissingConnector: the Kafka connector is not among Spark's jars.
    """
    if not _submitted():
        find_java()
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of tasks in Python; else they take any python3
    conf = {
        "spark.app.name": name,
        **CONF,
        **java_options(is_real_time=is_real_time),
        **{f"spark.hadoop.{name}": value for name, value in s3a(s3).items()},
        **(LOCAL if not _submitted() else {}),
        **spark.conf,
    }
    if spark.master or not _submitted():
        conf.setdefault("spark.master", spark.master or f"local[{max(os.cpu_count() or 1, slots)}]")
    if log_dir is not None and not _submitted():
        _start_java(conf, log_dir)
    builder = SparkSession.builder
    for key, value in conf.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    _require_class(
        session, KAFKA_SOURCE, "Spark's Kafka connector", "it puts the jars of spark_jobs/connector/pom.xml beside PySpark's own"
    )
    _require_class(session, KERNEL, "The kernel", "it builds kernel/ and puts its jar beside PySpark's own")
    return session


@contextmanager
def small(name: str, spark: Spark, s3: S3, urls: Sequence[str]) -> Iterator[SparkSession]:
    """Gives a Spark of one task to a program that looks into a checkpoint; it ends with the block, and what it has logged goes.

    Raises:
        FraudDetectionError: as `build`, and as `require_storage` of these URLs.
    """
    own = Spark(master="local[1]", conf={**spark.conf, "spark.driver.memory": SMALL})
    with TemporaryDirectory() as folder:
        session = build(name, own, s3, 1, Path(folder))
        try:
            require_storage(session, urls)
            yield session
        finally:
            session.stop()


def make_log_dir(log_dir: Path) -> None:
    """Makes the folder, where it is missing.

    Raises:
        UnusableFolder: that is impossible.
    """
    try:
        log_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableFolder(f"The log folder {log_dir} cannot be made: {error.strerror}", "Set log_dir to another.") from None


def require_storage(session: SparkSession, urls: Sequence[str]) -> None:
    """Looks at each s3a:// URL, so that a wrong bucket or key is one paragraph and not a failed stream.

    Raises:
        MissingConnector: Spark's S3 client is not among its jars.
        UnusableStorage: the bucket is not there, does not answer, or does not let us in.
    """
    jvm: Any = session.sparkContext._jvm
    if urls:
        _require_class(session, S3A, "Spark's S3 client", "it puts the jars of spark_jobs/s3/pom.xml beside PySpark's own")
    for url in urls:
        path = jvm.org.apache.hadoop.fs.Path(url)
        try:
            path.getFileSystem(session._jsparkSession.sessionState().newHadoopConf()).exists(path)
        except Py4JJavaError as error:
            cause = error.java_exception
            while cause.getCause() is not None:
                cause = cause.getCause()
            raise UnusableStorage(
                f"{url} cannot be reached: {str(cause.getMessage()).splitlines()[0]}",
                "Check the bucket's name and the settings under `s3`.",
            ) from error


def s3a(s3: S3) -> dict[str, str]:
    """Returns Hadoop's settings for s3a:// paths. Keys stay in their file: settings are seen in the UI and in event logs."""
    conf = {
        "path.style.access": str(s3.path_style).lower(),
        "aws.credentials.provider": SDK_CHAIN,
    }
    if s3.endpoint:
        conf["endpoint"] = s3.endpoint
    if s3.region:
        conf["endpoint.region"] = s3.region
    if s3.credentials_dir:
        conf["aws.credentials.provider"] = PROFILE_FILE
        conf["auth.profile.file"] = str(s3.credentials_dir.absolute() / "credentials")
    return {f"fs.s3a.{name}": value for name, value in conf.items()}


def _submitted() -> bool:
    """Returns whether spark-submit started this program and has chosen master, Java and logging."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _start_java(conf: dict[str, str], log_dir: Path) -> None:
    """Starts the JVM that the session will use, where this process has none yet, and adds to `conf` where Spark's log goes.

    Java itself writes too: to standard error that it uses an incubator module, to standard output why it cannot start.
    """
    make_log_dir(log_dir)
    log = log_dir.absolute() / "spark.log"
    options = f"-Dlog4j2.configurationFile={files('spark_jobs') / 'log4j2.properties'} -Dfraud.log={log}"
    conf["spark.driver.extraJavaOptions"] = f"{conf.get('spark.driver.extraJavaOptions', '')} {options}".strip()
    if SparkContext._gateway is None:
        with log.open("ab") as said:
            streams = {"stdout": said, "stderr": said}
            gateway = launch_gateway(SparkConf().setAll(list(conf.items())), streams)  # type: ignore[no-untyped-call]
        SparkContext._ensure_initialized(gateway=gateway)


def _require_class(session: SparkSession, name: str, what: str, setup: str) -> None:
    jvm: Any = session.sparkContext._jvm
    try:
        jvm.org.apache.spark.util.Utils.classForName(name, True, False)
    except Exception:  # py4j wraps what Java throws
        session.stop()
        raise MissingConnector(f"{what} is not on the class path", f"Run `make setup`: {setup}.") from None
