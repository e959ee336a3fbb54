"""S3: a bucket that cannot be used is told before the stream starts, and keys are seen nowhere."""

from typing import Any

import pytest
from pyspark.sql import SparkSession

from local.s3 import BUCKET, S3Server
from spark_jobs import session
from spark_jobs.errors import UnusableStorage
from tests.s3 import keys


def test_storage_that_cannot_be_used_is_one_paragraph(spark: SparkSession, s3: S3Server, tmp_path) -> None:
    def told(url: str) -> str:
        with pytest.raises(UnusableStorage) as caught:
            session.require_storage(spark, (url,))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    session.require_storage(spark, (f"s3a://{BUCKET}/x",))
    assert "s3a://nowhere/x cannot be reached" in told("s3a://nowhere/x")
    (s3.home / "data" / "locked").mkdir()
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = me\naws_secret_access_key = hunter2\n")
    spark.conf.set("fs.s3a.bucket.locked.auth.profile.file", str(tmp_path / "credentials"))
    message = told("s3a://locked/x")
    assert "Check the bucket's name and the settings under `s3`." in message
    assert "hunter2" not in message


def test_no_setting_of_spark_holds_a_key(spark: SparkSession, s3: S3Server) -> None:
    session.require_storage(spark, (f"s3a://{BUCKET}/x",))
    jvm: Any = spark.sparkContext._jvm
    hadoop = jvm.java.io.StringWriter()
    jvm.org.apache.hadoop.conf.Configuration.dumpConfiguration(spark._jsparkSession.sessionState().newHadoopConf(), hadoop)
    told = f"{hadoop.toString()} {spark.sparkContext.getConf().getAll()}"
    assert s3.endpoint in told
    assert not [key for key in keys(s3) if key in told]


def test_without_a_folder_of_credentials_the_sdk_looks_for_them(spark: SparkSession, s3: S3Server) -> None:
    (s3.home / "data" / "chain").mkdir()
    spark.conf.set("fs.s3a.bucket.chain.aws.credentials.provider", session.SDK_CHAIN)
    system: Any = spark.sparkContext._jvm.java.lang.System  # type: ignore[union-attr]
    for name, value in zip(("aws.accessKeyId", "aws.secretAccessKey"), keys(s3), strict=True):
        system.setProperty(name, value)
    try:
        session.require_storage(spark, ("s3a://chain/x",))
    finally:
        system.clearProperty("aws.accessKeyId")
        system.clearProperty("aws.secretAccessKey")
