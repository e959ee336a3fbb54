"""One path belongs to one checkpoint: a marker in the path says to which.

A batch is known by its checkpoint's number for it. Another checkpoint counts from 0 again, and would overwrite them.

    CHECKPOINT/identity     made with the checkpoint
    PATH/_checkpoint        the same text; readers of data sets pass over a name that begins so
"""

import secrets

from pyspark.sql import SparkSession

from spark_jobs.checkpoint_files import Files, files_of
from spark_jobs.errors import NotOurs

IDENTITY = "identity"
MARKER = "_checkpoint"


def claim(session: SparkSession, path: str, checkpoint: str) -> str:
    """Returns the identity of a checkpoint, and marks a path that is empty as its own.

    Raises:
        FilesFailure: the path or the checkpoint cannot be read or written.
        NotOurs: the path is another checkpoint's, or has files that no marker tells the owner of.
    """
    identity = _identity(files_of(session, checkpoint))
    place = files_of(session, path)
    owner = place.read(MARKER)
    if owner is None and not place.sizes():
        place.create(MARKER, identity.encode())
        owner = place.read(MARKER)  # of two that claim a path at once, one wins
    if owner == identity.encode():
        return identity
    whose = "files, and nothing says which checkpoint they are of" if owner is None else "been filled from another checkpoint"
    raise NotOurs(
        f"{path} has {whose}: batches of the checkpoint {checkpoint} would overwrite its own",
        "Name another `path` for this sink, or the `checkpoint` that has filled this one.",
    )


def _identity(files: Files) -> str:
    found = files.read(IDENTITY)
    if found is None:
        files.create(IDENTITY, secrets.token_hex(16).encode())
        found = files.read(IDENTITY)
    return (found or b"").decode()
