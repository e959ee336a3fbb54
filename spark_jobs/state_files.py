"""The files that a batch's state needs: `state/STEP/PARTITION/VERSION_ID.zip` and `.changelog`, as commits/N names them.

Batch N leaves version N+1. A snapshot (zip) holds a version whole, beside tables in SSTs/; a changelog holds what one batch
changed in the version before it. Spark takes the newest snapshot, and the changelogs behind it.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from spark_jobs.batch_logs import COMMITS, fault
from spark_jobs.checkpoint_files import Files

OPERATOR, SCHEMA = "_metadata/v2", "_stateSchema/default"


class State:
    """The state's files as they were when `sizes` was asked for. Methods raise one of FilesFailure."""

    def __init__(self, files: Files, sizes: Mapping[str, int]) -> None:
        self._files, self._sizes = files, sizes

    def faults(self, batch: int, begun: int) -> dict[str, str]:
        """Returns the files without which the state after a batch cannot be had, and what is wrong with each.

        `begun` is the batch that runs next: what a step is may have been written by a first attempt at it.
        """
        found: dict[str, str] = {}
        for store, ids in self._ids(batch).items():
            found |= dict(self._of_store(store, batch, ids))
        for step in sorted({store.partition("/")[0] for store in self._ids(batch)}):
            operators = self._operators(step, begun)
            if not operators:
                found[f"state/{step}/{OPERATOR}"] = "has no file"
            elif wrong := fault(self._files.read(operators[-1])):
                found[operators[-1]] = wrong
            schemas = [name for name in self._sizes if name.startswith(f"state/{step}/{SCHEMA}/") and "/." not in name]
            found |= {name: "is empty" for name in schemas if not self._sizes[name]}
            if not schemas:
                found[f"state/{step}/{SCHEMA}"] = "has no file"
        return found

    def spare(self, name: str) -> bool:
        """Returns whether a file without which a batch's state cannot be had may go, as one before it says the same."""
        found = re.fullmatch(rf"state/(\d+)/{OPERATOR}/(\d+)", name)
        older = [] if found is None else self._operators(found[1], int(found[2]) - 1)[-1:]
        return any(fault(self._files.read(one)) is None for one in older)

    def _operators(self, step: str, batch: int) -> list[str]:
        """Returns the files that say what a stateful step is, up to those of a batch's run, oldest first."""
        folder = f"state/{step}/{OPERATOR}/"
        numbers = [name.removeprefix(folder) for name in self._sizes if name.startswith(folder)]
        return [f"{folder}{number}" for number in sorted(int(one) for one in numbers if one.isdigit()) if number <= batch]

    def _of_store(self, store: str, batch: int, unique: str) -> Iterator[tuple[str, str]]:
        """Yields what is wrong from a version back to the snapshot that it stands on."""
        while True:
            base = f"state/{store}/{batch + 1}_{unique}"
            if f"{base}.zip" in self._sizes:
                yield from self._snapshot(store, f"{base}.zip")
                return
            if wrong := self._wrong(f"{base}.changelog"):
                yield f"{base}.changelog", wrong
                return
            batch -= 1
            if batch < 0:
                yield f"{base.rpartition('/')[0]}/1_{unique}.zip", "is missing"
                return
            unique = self._ids(batch).get(store) or self._any(store, batch + 1)

    def _snapshot(self, store: str, name: str) -> Iterator[tuple[str, str]]:
        if wrong := self._wrong(name):
            yield name, wrong
            return
        try:
            with zipfile.ZipFile(io.BytesIO(self._files.read(name) or b"")) as snapshot:
                held = json.loads(snapshot.read("metadata").partition(b"\n")[2])
        except (zipfile.BadZipFile, KeyError, ValueError):
            yield name, "is no snapshot"
            return
        for table in held["sstFiles"]:
            file = f"state/{store}/SSTs/{table['dfsSstFileName']}"
            if self._sizes.get(file) != table["sizeBytes"]:
                yield name, f"needs {file}, which {'is cut off' if file in self._sizes else 'is missing'}"

    def _wrong(self, name: str) -> str | None:
        """Returns what is wrong with a file by its size, which Spark keeps in a file beside it."""
        size = self._sizes.get(name)
        if size is None:
            return "is missing"
        if size == 0:
            return "is empty"
        told = self._files.read(f"{name}.crc") if f"{name}.crc" in self._sizes else None
        try:
            known = json.loads(told)["mainFileSize"] if told else size
        except (ValueError, KeyError):
            known = size
        return None if known == size else "is cut off"

    def _any(self, store: str, version: int) -> str:
        """Returns the id of a version whose commit cannot be read: Spark need not read it, as a changelog names those before it."""
        begin = f"state/{store}/{version}_"
        ids = (name.removeprefix(begin).partition(".")[0] for name in self._sizes if name.startswith(begin))
        return next(ids, "*")

    def _ids(self, batch: int) -> dict[str, str]:
        """Returns by STEP/PARTITION the id of the version that a batch left; none where its commit cannot be read."""
        content = self._files.read(f"{COMMITS}/{batch}") or b""
        try:
            steps: dict[str, Any] = json.loads(content.partition(b"\n")[2]).get("stateUniqueIds") or {}
        except (ValueError, AttributeError):
            return {}
        return {f"{step}/{number}": ids[0] for step, stores in steps.items() for number, ids in enumerate(stores)}
