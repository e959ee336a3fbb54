"""Features of a data set, by the same code as the stream's: `python -m spark_jobs.write_features --data DIR --out DIR`."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import structlog
from pydantic import Field

from configuration import FraudDetectionError, Settings, report
from spark_jobs import failures, session, sources
from spark_jobs.features import FEATURE_SET
from spark_jobs.parts import Place
from spark_jobs.pipeline import features
from spark_jobs.settings import S3, Spark, on_s3

PROGRAM = "python -m spark_jobs.write_features"
NAME = "write_features"

log = structlog.get_logger()


class WriteFeaturesSettings(Settings):
    """Computes the features of every transaction of a data set, each as it was when the transaction arrived."""

    data: Place = Field(
        description="Folder or s3a:// URL with {transactions,labels,customers,merchants}/, as `producer dataset` and the archiver "
        "write it"
    )
    out: Place = Field(description="Folder for Parquet files: the transactions' fields and their features; must not exist")
    s3: S3 = Field(S3(), description="How s3a:// paths are reached")
    spark: Spark = Field(Spark(conf={"spark.driver.memory": "4g"}), description="Spark itself")
    log_dir: Path | None = Field(
        Path("logs") / NAME, description=f"Folder of spark.log and {NAME}.log, with full traces; null: standard error"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    try:
        settings = WriteFeaturesSettings.load(sys.argv[1:] if arguments is None else arguments, PROGRAM)
        with failures.told("The features cannot be written", "Check `data` and `out`.", NAME, settings.log_dir):
            run(settings)
    except FraudDetectionError as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    return 0


def run(settings: WriteFeaturesSettings) -> None:
    """Writes the features; on return they are complete."""
    began = time.monotonic()
    spark = session.build(NAME, settings.spark, settings.s3, 1, settings.log_dir)
    try:
        session.require_storage(spark, on_s3(settings.data, settings.out))
        rows = features(sources.read_history(spark, settings.data, settings.s3)).where("kind = 'transaction'")
        rows.select("transaction.*", "features.*").write.parquet(settings.out)
    finally:
        spark.stop()
    log.info("features written", out=settings.out, feature_set=FEATURE_SET, seconds=round(time.monotonic() - began, 1))


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(main())
