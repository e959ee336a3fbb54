"""What ends a stream, by what Java says of it: a row for each cause, with the remedy that keeps the history.

A row says that nothing is lost only where that is true of each error that it matches. No row advises a new checkpoint.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from configuration import AccessRefused, BrokerUnreachable, FraudDetectionError
from spark_jobs.errors import (
    CheckpointInUse,
    FullVolume,
    OutOfMemory,
    TooFewSlots,
    UnreachableCluster,
    UnusableCheckpoint,
    UnusableStorage,
)

GOES_ON = "Nothing is lost: the next start goes on from the checkpoint."
EXAMINE = (
    "`fraud doctor --checkpoint {checkpoint}`, in a pod `python -m spark_jobs.examine_checkpoint`, says which file it is and what "
    "keeps the history."
)


class Cause(NamedTuple):
    """A pattern of what Java says, and the paragraph; {said} is the line that it says, {checkpoint} and {rooms} are filled in."""

    pattern: str
    error: type[FraudDetectionError]
    what: str
    advice: str


CAUSES = (
    # Volumes. What is being written is given up, and a batch that was not finished is run again.
    Cause(
        r"No space left on device|Disk quota exceeded",
        FullVolume,
        "A volume is full ({said}); free are {rooms}",
        f"Make room and start again. {GOES_ON}",
    ),
    Cause(
        r"Read-only file system",
        UnusableCheckpoint,
        "The checkpoint {checkpoint}, or another folder that is written to, is on a volume that cannot be written ({said})",
        f"Mount it for writing and start again. {GOES_ON}",
    ),
    Cause(
        r"Mkdirs failed to create",
        UnusableStorage,
        "A folder cannot be made ({said})",
        f"See that its volume is mounted for writing and that this user may write there; then start again. {GOES_ON}",
    ),
    # S3, as Hadoop's client says it once it has given up.
    Cause(
        r"Status Code: (?:5\d\d|429)|SlowDown|AWSServiceThrottledException",
        UnusableStorage,
        "S3 has turned requests away for longer than they are tried again ({said})",
        f"Start again once it answers. {GOES_ON}",
    ),
    Cause(
        r"Status Code: 40[013]\b|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|NoAuthWithAWS|CredentialInitialization",
        UnusableStorage,
        "S3 does not let this program in ({said})",
        f"Check the keys under `s3`, whether they have run out, and their rights on the bucket; then start again. {GOES_ON}",
    ),
    Cause(
        r"NoSuchBucket|UnknownStoreException|[Bb]ucket .*does not exist",
        UnusableStorage,
        "S3 has no such bucket ({said})",
        "Check the bucket's name in `checkpoint` and `s3.endpoint`, or have the bucket restored; then start again.",
    ),
    Cause(
        r"SdkClientException|Unable to execute HTTP request|AWSApiCallTimeoutException|AWSClientIOException",
        UnusableStorage,
        "S3 does not answer ({said})",
        f"Check `s3.endpoint` and the network, and start again once it answers. {GOES_ON}",
    ),
    # Kafka.
    Cause(
        r"SaslAuthenticationException|Invalid username or password|invalid credentials",
        AccessRefused,
        "Kafka does not accept this user and password ({said})",
        f"Check kafka.sasl_username, kafka.sasl_mechanism and the file kafka.sasl_password_file; then start again. {GOES_ON}",
    ),
    Cause(
        r"SslAuthenticationException|SSLHandshakeException|CertificateException|PKIX path",
        AccessRefused,
        "Kafka and this program do not trust each other's certificates ({said})",
        f"Check kafka.ca_file, kafka.certificate_file, kafka.key_file and whether they have run out; then start again. {GOES_ON}",
    ),
    Cause(
        r"\w+AuthorizationException|Not authorized to access",
        AccessRefused,
        "Kafka does not let this user do what is needed ({said})",
        f"Give the user the right that is named, on the topic or group that is named; then start again. {GOES_ON}",
    ),
    Cause(
        r"NotEnoughReplicas\w*Exception",
        BrokerUnreachable,
        "Kafka has fewer copies of a topic in sync than its min.insync.replicas wants ({said})",
        f"Start again once its brokers are back. {GOES_ON}",
    ),
    Cause(
        r"org\.apache\.kafka\.common\.errors\.(?:Timeout|Disconnect|Network|BrokerNotAvailable|LeaderNotAvailable|NotLeader\w*|Retriable)"
        r"\w*Exception|No resolvable bootstrap urls",
        BrokerUnreachable,
        "Kafka answers no more ({said})",
        f"Start again once it does; where one starts a detector that has ended by itself, nothing need be done. {GOES_ON}",
    ),
    # Spark.
    Cause(
        r"CONCURRENT_STREAM_LOG_UPDATE|Multiple streaming jobs detected",
        CheckpointInUse,
        "Another program writes to the checkpoint {checkpoint} too",
        f"Let one alone run, and start that one again. {GOES_ON}",
    ),
    Cause(
        r"CONCURRENT_SCHEDULER_INSUFFICIENT_SLOT",
        TooFewSlots,
        "Real-time mode needs a slot for each task at once, and an input topic has more partitions than before, or executors are "
        "gone ({said})",
        f"Give Spark more cores (spark.master, executors), or use trigger.mode microBatch; then start again. {GOES_ON}",
    ),
    Cause(
        r"OutOfMemoryError",
        OutOfMemory,
        "Java has too little memory ({said})",
        "Give it more (spark.driver.memory without executors, else spark.executor.memory), or set max_offsets lower; then start "
        f"again. {GOES_ON}",
    ),
    Cause(
        r"getting a connection to kubernetes\.default\.svc",
        UnreachableCluster,
        "The driver does not reach the API server of Kubernetes, and so makes no executors ({said})",
        "See whether a NetworkPolicy lets it through to the address and port of `kubectl get endpointslice kubernetes -n default`, "
        f"which need not be the port above; in the chart that is networkPolicy.apiServer. {GOES_ON}",
    ),
    # The checkpoint's own files, and RocksDB's copy of the state in a folder of Spark's.
    Cause(
        r"CANNOT_LOAD_STATE_STORE|CANNOT_READ_\w*(?:SNAPSHOT|DELTA|STATE|CHECKPOINT)|STATE_STORE_\w*(?:SNAPSHOT|CHANGELOG|CHECKSUM|INVALID)"
        r"|[Cc]hecksum|(?:Failed to read|Incomplete|[Mm]alformed) log file|batch \d+ doesn't exist|Error reading stream metadata"
        r"|Previous batch \d+ not found in offset log"
        r"|StreamMetadata|STDS_FAILED_TO_READ|STREAMING_CHECKPOINT|\.changelog|\.sst\b|/state/\d",
        UnusableCheckpoint,
        "A file of the checkpoint {checkpoint} is missing or cannot be read ({said})",
        f"{EXAMINE} Do not remove the checkpoint before.",
    ),
    Cause(
        r"phase planning failed with an internal error",
        UnusableCheckpoint,
        "Spark cannot plan a batch on the checkpoint {checkpoint} ({said})",
        f"{EXAMINE} If all is well there, the trace tells more. Do not remove the checkpoint before.",
    ),
    Cause(
        r"RocksDBException",
        UnusableCheckpoint,
        "RocksDB cannot use its copy of the state ({said})",
        f"Start again: the copy is made anew from the checkpoint. If that ends alike: {EXAMINE}",
    ),
)


def find(lines: Sequence[str], checkpoint: str) -> FraudDetectionError | None:
    """Returns the error to report for what Java has said, its causes innermost last; None where no row is about it."""
    for line in reversed(lines):
        for cause in CAUSES:
            if re.search(cause.pattern, line):
                told = {"said": line[:300], "checkpoint": checkpoint, "rooms": _rooms(checkpoint)}
                return cause.error(cause.what.format(**told), cause.advice.format(**told))
    return None


def _rooms(checkpoint: str) -> str:
    """Returns how much room the volumes have that can be seen from here."""
    spark = os.environ.get("SPARK_LOCAL_DIRS", tempfile.gettempdir()).partition(",")[0]
    places = [*([] if "://" in checkpoint else [checkpoint]), spark]
    rooms = []
    for place in places:
        there = next(folder for folder in (Path(place).absolute(), *Path(place).absolute().parents) if folder.exists())
        rooms.append(f"{shutil.disk_usage(there).free // 1_000_000:,} MB at {place}")
    return ", ".join(rooms)
