"""What a checkpoint says of its batches: `offsets/N` where batch N ends, `commits/N` that it is done. Read without Spark.

Spark writes offsets/N, runs the batch, writes commits/N, and begins again behind the newest of both. A machine that loses its
power, or a volume that is full, leaves the newest file empty or cut off. An older one is broken by a hand or by the disk.
"""

import json
import re
import uuid
from typing import NamedTuple

import structlog

from spark_jobs.checkpoint_files import Files

OFFSETS, COMMITS, SOURCES, METADATA = "offsets", "commits", "sources", "metadata"
HEADER = re.compile(rb"v[0-9]+")

log = structlog.get_logger()


class Batches(NamedTuple):
    """Numbers of the batches that a checkpoint has a file of."""

    planned: tuple[int, ...]
    """Those in offsets/, ascending."""
    done: tuple[int, ...]
    """Those in commits/, ascending."""


def batches(files: Files) -> Batches:
    """Returns the batches that have files, readable or not. Raises one of FilesFailure."""
    return Batches(_numbers(files, OFFSETS), _numbers(files, COMMITS))


def fault(content: bytes | None) -> str | None:
    """Returns what is wrong with a file of offsets/, of commits/ or of an operator, in a few words; None where it can be read."""
    if content is None:
        return "is missing"
    if not content.strip():
        return "is empty"
    header, *lines = content.removeprefix(b"\0").split(b"\n")  # Kafka's source writes a zero byte for the Spark of 2016
    if not HEADER.fullmatch(header.strip()):
        return "is not of Spark"
    if not lines:
        return "is cut off"
    for line in filter(None, map(bytes.strip, lines)):
        try:
            line == b"-" or json.loads(line)
        except ValueError:
            return "is cut off or overwritten"
    return None


def unfinished(files: Files) -> dict[str, str]:
    """Returns the files of the newest batch that can go without a loss, because one of them cannot be read, and what is wrong.

    - offsets/N without a commits/N: the batch is not done. Without its plan Spark plans it anew, behind batch N-1.
    - commits/N, the newest: without it batch N counts as not done, and Spark runs it again on the state that N-1 left. A plan of
      the batch behind it goes too.
    - sources/S/0, where no batch is planned yet: it says where the first one begins.

    Of an older file that cannot be read only a person can say what is to be done. Raises one of FilesFailure.
    """
    found = batches(files)
    done = max(found.done, default=-1)
    behind = [f"{OFFSETS}/{number}" for number in found.planned if number > done]
    planned = {name: fault(files.read(name)) for name in behind}
    if done in found.planned and (wrong := fault(files.read(f"{COMMITS}/{done}"))):
        return {name: broken or "stands behind it" for name, broken in planned.items()} | {f"{COMMITS}/{done}": wrong}
    if not found.planned and not found.done:
        planned = {name: fault(files.read(name)) for name in files.sizes(SOURCES) if name.rpartition("/")[2].isdigit()}
    return {name: broken for name, broken in planned.items() if broken}


def has_name(files: Files) -> bool:
    """Returns whether the stream's name can be read, or none is needed as nothing has begun. Raises one of FilesFailure."""
    content = files.read(METADATA)
    if content is None:
        return not any(batches(files))
    try:
        return bool(json.loads(content)["id"])
    except (ValueError, KeyError, TypeError):
        return False


def repair(files: Files, checkpoint: str) -> None:
    """Removes what `unfinished` finds, gives a stream that has lost its name another one, and says so in the log.

    Nothing but Spark's own log has that name. Raises one of FilesFailure.
    """
    for file, wrong in unfinished(files).items():
        files.remove(file)
        log.warning("the newest batch was cut off amid a write, and is run again", checkpoint=checkpoint, removed=file, it=wrong)
    if not has_name(files):
        files.write(METADATA, json.dumps({"id": str(uuid.uuid4())}).encode())
        log.warning("the stream's name was lost, and it has another one", checkpoint=checkpoint, written=METADATA)


def _numbers(files: Files, folder: str) -> tuple[int, ...]:
    names = [name.rpartition("/")[2] for name in files.sizes(folder)]
    return tuple(sorted(int(name) for name in names if name.isdigit()))
