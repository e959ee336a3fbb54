"""Keeps Delta tables small, beside the archiver that fills them: small files become large ones, and what nobody needs goes.

Both are commits of delta-rs. The archiver only ever adds files, and that goes with a compaction at work: nobody waits for anybody.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from math import ceil
from pathlib import Path

from deltalake import DeltaTable

TARGET = 100 * 1024 * 1024
"""Bytes of a compacted file; Delta's own default."""
AT_ONCE = 2
"""Files that are made at once. By itself delta-rs takes as many as the machine has CPUs, which a pod has no memory for: two
took 1.2 GiB, of 300 MB in 18 files (2026-11-30)."""
LEAST_KEEP = timedelta(days=1)
"""A trainer reads for hours what it has found at its start. And a batch's files are there before a commit names them."""


def crowded(table: DeltaTable, wanted: Callable[[date], bool]) -> dict[date, int]:
    """Returns the wanted days that have several files below the target, and how many of these, the oldest first."""
    files = table.get_add_actions(flatten=True)
    sizes = zip(files.column("partition.date").to_pylist(), files.column("size_bytes").to_pylist(), strict=True)
    small = Counter(day for day, size in sizes if size < TARGET)
    return {day: count for day, count in sorted(small.items()) if count > 1 and wanted(day)}


def claim(table: DeltaTable) -> None:
    """Shuts out whoever else compacts the table by the time: their next commit is refused. To be called before `compact`.

    delta-rs 1.6.6 does not see that two compactions have replaced the same files: all their rows would be there twice. It does see
    that a table's properties were changed meanwhile.
    """
    table.alter.set_table_properties({"fraud.compaction": secrets.token_hex(8)}, raise_if_not_exists=False)


def compact(table: DeltaTable, day: date) -> tuple[int, int]:
    """Makes few large files of a day's small ones, in one commit; returns how many were replaced, and by how many.

    A reader sees the old files or the new ones. The old ones stay where they are, for those that read them, until `vacuum`.

    Raises:
        CommitFailedError: somebody else has claimed the table meanwhile; nothing has changed.
    """
    only = [("date", "=", day.isoformat())]
    done = table.optimize.compact(partition_filters=only, target_size=TARGET, max_concurrent_tasks=AT_ONCE)
    return done["numFilesRemoved"], done["numFilesAdded"]


def vacuum(table: DeltaTable, folder: Path | None, keep: timedelta, *, dry_run: bool) -> int:
    """Removes files that the table has not needed for so long, in whole hours; returns how many they are. `folder`: where it is.

    Those are files that a commit took out of the table, and files that no commit names. The latter stay where `keep` is below
    LEAST_KEEP: they may be of a batch that is being written.
    """
    hours = ceil(keep / timedelta(hours=1))
    gone = table.vacuum(hours, dry_run=dry_run, enforce_retention_duration=False, full=keep >= LEAST_KEEP)
    if folder is not None and not dry_run:
        _remove_empty(folder, gone)
    return len(gone)


def _remove_empty(table: Path, files: list[str]) -> None:
    """Removes the folders of batches whose files are gone. Those of days stay: Spark may be about to put a batch there."""
    for folder in {(table / file).parent for file in files}:
        if folder.name.startswith("batch_id="):
            with suppress(OSError):  # it is not empty
                folder.rmdir()
