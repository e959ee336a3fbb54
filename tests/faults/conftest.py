"""A Spark of its own, with the slots that real-time mode needs."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from harness.detector import QUICK_START
from spark_jobs import session
from spark_jobs.settings import S3, Spark


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    one = session.build("faults", Spark(conf=QUICK_START), S3(), 8, tmp_path_factory.mktemp("spark"), is_real_time=True)
    yield one
    one.stop()
