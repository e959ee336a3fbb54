"""The import itself: records in, a data set out, and an account of what could not be read."""

import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import duckdb
import pyarrow.parquet as pq

from configuration import InvalidSettings, stop_signals
from contract import ContractError, Label, Transaction, decode
from producer.errors import CannotWrite, FolderInUse
from producer.imports.cards import Cards
from producer.imports.errors import MappingRefused, NothingImported
from producer.imports.mapping import SHOW_MAPPING, Mapped, Mapping, complete
from producer.imports.profiles import KEYS, Profiles, Seen
from producer.imports.proposals import Proposal, guess, sparkov
from producer.imports.settings import ImportSettings
from producer.imports.tables import Row, Table, count_lines, open_table, rows
from producer.layout import FOLDERS, add, writer
from producer.progress import Meter

BATCH = 50_000


@dataclass
class Refused:
    """Records of one kind with one reason: how many, and where the first one is."""

    kind: str
    reason: str
    columns: list[str]
    """Those that the field comes from."""
    first: str
    count: int = 0


@dataclass
class Account:
    """What was read, what was written, and what was refused."""

    output: Path
    records: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("transactions", "frauds", *list(FOLDERS)[1:]), 0))
    profile_changes: int = 0
    card_numbers: list[str] = field(default_factory=list)
    refused: dict[tuple[str, str], Refused] = field(default_factory=dict)
    seconds: float = 0.0

    def refuse(self, folder: str, reason: str, place: str, mapping: Mapping | None) -> None:
        """Counts a record that is not valid."""
        name = reason.partition(":")[2]
        columns = mapping.columns_of(folder, name) if mapping else []
        self.refused.setdefault((folder, reason), Refused(folder, reason, columns, place)).count += 1

    def json(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return {
            "output": str(self.output),
            "records": self.records,
            **self.counts,
            "profile_changes": self.profile_changes,
            "card_numbers": self.card_numbers,
            "refused": [vars(one) for one in self.refused.values()],
            "seconds": self.seconds,
        }


def mapping_of(settings: ImportSettings, table: Table) -> Proposal:
    """Returns the mapping of a table: Sparkov's where it is one, and what the settings say before that."""
    known = sparkov(table.columns)
    return {folder: {**known.get(folder, {}), **getattr(settings, folder)} for folder in FOLDERS}


def proposal(settings: ImportSettings) -> Proposal:
    """Returns the mapping that would be used for the first file, or the one to complete: what its columns' names suggest."""
    table = open_table(settings.files[0])
    found, suggested = mapping_of(settings, table), guess(table.columns)
    if found["transactions"]:
        return found
    return {folder: {**suggested.get(folder, {}), **expressions} for folder, expressions in found.items()}


def read(settings: ImportSettings) -> Account:
    """Returns the account of a data set that is complete, under its own name. Where this is cut off, nothing is left of it.

    Raises:
        InvalidSettings, FolderInUse, CannotWrite, NoCardKey, and those of `producer.imports.errors`: each says what to do.
        KeyboardInterrupt: SIGINT or SIGTERM asked to stop.
    """
    output = settings.output
    if output is None:
        raise InvalidSettings("`output` is missing", "Name a folder that does not exist: --output FOLDER.")
    if output.exists():
        raise FolderInUse(f"{output} exists already", "Name another folder under --output, or remove that one.")
    try:
        with stop_signals() as stop, _complete_or_absent(output) as folder:
            account = _Import(settings, folder, stop).run(Account(output))
    except OSError as error:
        raise CannotWrite(f"{output} cannot be written: {error.strerror or error}", "Name another folder, or make room.") from None
    except (duckdb.IOException, duckdb.OutOfMemoryException):
        raise CannotWrite(f"Memory and the disk of {output} do not hold the profiles", "Make room.") from None
    return account


@contextmanager
def _complete_or_absent(output: Path) -> Iterator[Path]:
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        (folder / "data").mkdir()
        yield folder
        os.rename(folder / "data", output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Import:
    """One run. Its folder holds `data`, which becomes the output, and `spill`."""

    def __init__(self, settings: ImportSettings, folder: Path, stop: threading.Event) -> None:
        self._settings, self._folder, self._stop = settings, folder, stop
        self._cards = Cards(settings.card_numbers, settings.card_key_file)
        self._ids: set[int] = set()

    def run(self, account: Account) -> Account:
        """Returns the account, filled."""
        tables = [open_table(file) for file in self._settings.files]
        mappings = [self._mapping(table) for table in tables]
        profiles = [name for name in KEYS if any(name in one for one in mappings)]
        data, spill = self._folder / "data", self._folder / "spill"
        for table, given in zip(tables, mappings, strict=True):  # a mistake is told before the first file is read
            Mapping(table, given, spill).close()
        with ExitStack() as stack:
            meter = stack.enter_context(Meter("records", sum(count_lines(table.file) for table in tables)))
            files = {name: stack.enter_context(writer(data, kind)) for name, kind in FOLDERS.items()}
            seen = stack.enter_context(closing(Profiles(profiles, spill)))
            for table, given in zip(tables, mappings, strict=True):
                with closing(Mapping(table, given, spill)) as mapping:
                    for found in self._batches(table, account, meter):
                        self._take(table, mapping, found, account, files, seen)
            if not account.counts["transactions"]:
                raise _nothing(account)
            for name in profiles:
                self._write_profiles(name, seen, account, files[name])
        account.card_numbers = sorted(self._cards.columns)
        account.seconds = round(meter.seconds, 1)
        return account

    def _mapping(self, table: Table) -> Proposal:
        given = mapping_of(self._settings, table)
        if not given["transactions"]:
            raise MappingRefused(f"{table.file} is no Sparkov file, and there is no mapping for its columns", SHOW_MAPPING)
        return complete(given, table.columns, self._settings.label_delay)

    def _batches(self, table: Table, account: Account, meter: Meter) -> Iterator[list[Row]]:
        """Yields the records that have all cells, without card numbers."""
        remaining = rows(table)
        began = False
        while batch := list(islice(self._counted(remaining, meter), BATCH)):
            account.records += len(batch)
            for row in batch:
                if row.reason:
                    account.refuse("transactions", row.reason, _place(table, row.line), None)
            whole = [row for row in batch if not row.reason]
            if not began:
                self._cards.begin(table, whole)
                began = True
            self._cards.hide(table, whole)
            yield whole

    def _counted(self, found: Iterator[Row], meter: Meter) -> Iterator[Row]:
        for row in found:
            self._go_on()
            meter.step()
            yield row

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt

    def _take(
        self,
        table: Table,
        mapping: Mapping,
        found: Sequence[Row],
        account: Account,
        files: dict[str, pq.ParquetWriter],
        profiles: Profiles,
    ) -> None:
        """Writes the transactions and labels of a batch, and keeps what they show of profiles."""
        paid: list[Transaction] = []
        labels: list[Label] = []
        shown: dict[str, list[Seen]] = {}
        for one in mapping(found):
            self._go_on()
            place = _place(table, one.line)
            transaction = self._transaction(one, place, account, mapping)
            if transaction is None:
                continue
            paid.append(transaction)
            if "is_fraud" in one.fields.get("labels", {}):
                label = _valid("labels", one.fields["labels"], place, account, mapping)
                labels += [label] if label else []
            for name in KEYS:
                if name in one.fields:
                    shown.setdefault(name, []).append(Seen(transaction.event_time, place, one.fields[name]))
        add(files["transactions"], Transaction, paid)
        add(files["labels"], Label, labels)
        for name, seen in shown.items():
            profiles.add(name, seen)
        account.counts["transactions"] += len(paid)
        account.counts["labels"] += len(labels)
        account.counts["frauds"] += sum(label.is_fraud for label in labels)

    def _transaction(self, one: Mapped, place: str, account: Account, mapping: Mapping) -> Transaction | None:
        found: Transaction | None = _valid("transactions", one.fields["transactions"], place, account, mapping)
        if found is None:
            return None
        number = hash(found.transaction_id)  # 64 bits: enough to tell them apart, and a tenth of the memory
        if number in self._ids:
            account.refuse("transactions", "repeated:transaction_id", place, mapping)
            return None
        self._ids.add(number)
        return found

    def _write_profiles(self, name: str, profiles: Profiles, account: Account, file: pq.ParquetWriter) -> None:
        found, keys = [], set()
        for place, data in profiles.versions(name):
            self._go_on()
            try:
                record: Any = decode(FOLDERS[name], data)
            except ContractError as error:
                account.refuse(name, error.reason, place, None)
                continue
            found.append(record)
            keys.add(getattr(record, KEYS[name]))
            if len(found) == BATCH:
                add(file, FOLDERS[name], found)
                account.counts[name] += len(found)
                found = []
        add(file, FOLDERS[name], found)
        account.counts[name] += len(found)
        account.profile_changes += account.counts[name] - len(keys)
        account.counts[name] = len(keys)


def _valid(folder: str, fields: dict[str, str], place: str, account: Account, mapping: Mapping) -> Any:
    """Returns the record, None where the contract's codec refuses it."""
    try:
        return decode(FOLDERS[folder], json.dumps(fields).encode())
    except ContractError as error:
        account.refuse(folder, error.reason, place, mapping)
        return None


def _place(table: Table, line: int) -> str:
    return f"{table.file}, line {line}"


def _nothing(account: Account) -> NothingImported:
    if not account.records:
        return NothingImported("The files hold no record, only a header", "Check the files.")
    worst = max(account.refused.values(), key=lambda one: one.count)
    return NothingImported(
        f"None of {account.records:,} records is a valid transaction: {worst.reason}, the first in {worst.first}",
        f"Change the mapping: {SHOW_MAPPING}",
    )
