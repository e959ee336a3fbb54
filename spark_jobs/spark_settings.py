"""Settings of Spark that a user may not choose, by name: this program sets them again, or a promise rests on them."""

import re
from collections.abc import Iterable

STATE = "spark.sql.streaming.stateStore"

OWNED = {
    "spark.app.name": "it is the program's own",
    "spark.sql.session.timeZone": "all times are UTC",
    "spark.sql.ansi.enabled": "with it on a rule that divides by zero would end the stream (docs/adr/0005)",
    "spark.sql.adaptive.enabled": "real-time mode refuses it",
    "spark.sql.caseSensitive": "fields, features and rules are found by names in any case",
    "spark.sql.parquet.outputTimestampType": "the archive's times are microseconds for any reader",
    "spark.sql.streaming.checkpointLocation": "`checkpoint` names it",
    "spark.sql.streaming.checkpointFileManagerClass": "a checkpoint's file is there whole or not at all",
    "spark.sql.streaming.verifyCheckpointDirectoryEmptyOnStart": "a first batch that was cut off could not be gone on from",
    f"{STATE}.providerClass": "history is kept in RocksDB",
    f"{STATE}.encodingFormat": "history is kept in this form for the life of a checkpoint",
    f"{STATE}.checkpointFormatVersion": "a batch that was cut off must leave nothing that the next one reads",
    f"{STATE}.rocksdb.changelogCheckpointing.enabled": "real-time mode rests on it",
    "spark.hadoop.fs.s3a.aws.credentials.provider": "`s3.credentials_dir` says where keys are",
    "spark.hadoop.fs.s3a.endpoint": "`s3.endpoint` says it",
    "spark.hadoop.fs.s3a.endpoint.region": "`s3.region` says it",
    "spark.hadoop.fs.s3a.path.style.access": "`s3.path_style` says it",
}
"""Why each is refused."""

SECRET = re.compile(r"(access\.key|secret\.key|session\.token|password|authenticate\.secret)$", re.IGNORECASE)
"""Ends of names whose values would be seen in Spark's UI, in plans and in logs."""


def refusals(names: Iterable[str]) -> list[str]:
    """Returns a sentence for each name that is refused."""
    return [f"`{name}` cannot be set here: {why}" for name in sorted(names) if (why := _why(name))]


def _why(name: str) -> str | None:
    if SECRET.search(name):
        return "a secret is seen in Spark's settings; keys of S3 go into a file, `s3.credentials_dir`"
    return OWNED.get(name)
