"""Delta tables as delta-rs finds them: where they are, how S3 is reached, and which files count."""

import re
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as NoProfile
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from spark_jobs.errors import LakeBusy, UnusableStorage
from spark_jobs.settings import S3

PATIENCE = {"max_retries": "5", "retry_timeout": "30s"}
"""Of a request to a server that is away; by itself delta-rs tries for three minutes, and a stop waits for it."""
MARKS = re.compile(r"\x1b\[[0-9;]*m|↳")
READER_VERSION = 1
"""Of the protocol: files count whole, and have their columns' own names. What a later one knows is not looked for here."""


def files(place: str, s3: S3) -> list[str] | None:
    """Returns the files that the log of a Delta table names now, as Spark reads them; None where the place is no Delta table.

    Raises:
        UnusableStorage: the log cannot be read, or says that a reader has to know more than which files count.
    """
    options = storage_options(s3)
    try:
        table = opened(place, options)
        if table is None:
            return None
        version = table.protocol().min_reader_version
        actions = table.get_add_actions()
    except (DeltaError, OSError) as error:
        raise unusable(place, error) from None
    if version > READER_VERSION:
        raise UnusableStorage(
            f"The Delta table {place} asks for readers of protocol version {version}, and this is one of version {READER_VERSION}",
            "Write it without deletion vectors and column mapping, or copy it to a table without them.",
        )
    return [f"{place}/{unquote(name)}" for name in actions.column("path").to_pylist()]  # the log has them as URLs


def opened(place: str, options: Mapping[str, str] | None) -> DeltaTable | None:
    """Returns the Delta table at a place as it is now; None where there is none. Raises what delta-rs raises.

    `DeltaTable.is_deltatable` is not asked: while it waits for a server it holds up all of Python's threads, those of other sinks,
    of the lease and of the metrics among them.
    """
    try:
        return DeltaTable(place, storage_options=None if options is None else dict(options))
    except TableNotFoundError:
        return None


def unusable(place: str, error: Exception) -> UnusableStorage:
    """Returns the error to report for what delta-rs raises."""
    return UnusableStorage(
        f"The Delta log of {place} cannot be used: {told(error)}",
        "Check the place; on S3 the bucket's rights and the settings under `s3` too.",
    )


def busy(place: str, error: CommitFailedError) -> LakeBusy:
    """Returns the error to report where a change of ours does not fit any more."""
    return LakeBusy(
        f"A table in {place} was changed by another maintenance meanwhile: {told(error)}",
        "Nothing is lost, and what was done before stays. Run it again when the other has ended.",
    )


def told(error: Exception) -> str:
    """Returns what delta-rs says, on one line and without its colours."""
    return " ".join(MARKS.sub(" ", str(error)).split())[:300]


def storage_options(s3: S3) -> dict[str, str]:
    """Returns how delta-rs reaches s3a:// paths. Without a folder of credentials it looks for keys as the AWS SDKs do.

    Raises:
        UnusableStorage: the file with keys cannot be read.
    """
    options = dict(PATIENCE)
    if s3.endpoint:
        options["AWS_ENDPOINT_URL"] = s3.endpoint
        options["AWS_ALLOW_HTTP"] = str(s3.endpoint.startswith("http://")).lower()
        options["AWS_VIRTUAL_HOSTED_STYLE_REQUEST"] = str(not s3.path_style).lower()
    if s3.region:
        options["AWS_REGION"] = s3.region
    if s3.credentials_dir:
        file = s3.credentials_dir / "credentials"
        profiles = ConfigParser(interpolation=None)
        try:
            profiles.read_string(file.read_text())
            options |= {name.upper(): value for name, value in profiles["default"].items() if name.startswith("aws_")}
        except (OSError, UnicodeDecodeError, NoProfile, KeyError):  # what is wrong with it is not repeated: it holds secrets
            raise UnusableStorage(f"{file} cannot be read, or has no keys under [default]", "Check `s3.credentials_dir`.") from None
    return options
