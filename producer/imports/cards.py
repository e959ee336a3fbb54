"""Card numbers are found, and become tokens before anything else sees them."""

import re
from collections.abc import Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path

from configuration import card_token, read_card_key
from configuration.card_key import HOW_TO_MAKE
from producer.imports.errors import CardNumbers, MappingRefused
from producer.imports.tables import Row, Table

NUMBER = re.compile(r"\d(?:[ -]?\d){12,18}", re.ASCII)
LOOKED_AT, FEWEST = 200, 8
"""Cells of a column: so many at most are looked at; of fewer amid a file, chance alone may make half of them pass."""
ENOUGH = 0.5
"""Share of card numbers that makes a column one of card numbers; of other long numbers a tenth pass Luhn's check."""


def is_card_number(text: str) -> bool:
    """Returns whether a text is 13 to 19 digits, perhaps with blanks or hyphens, that pass Luhn's check (ISO/IEC 7812-1).

    Those that begin with 1 are airlines' cards, of 15 digits; others that do are times since 1970.
    """
    if not NUMBER.fullmatch(text):
        return False
    digits = [int(one) for one in text if one.isdigit()][::-1]
    if digits[-1] == 1 and len(digits) != 15:
        return False
    return sum(digits[::2] + [sum(divmod(2 * one, 10)) for one in digits[1::2]]) % 10 == 0


class Cards:
    """Makes tokens of the cells of card columns: those that are named, and those that look like it where a table begins.

    `columns` are their names.
    """

    def __init__(self, named: Sequence[str], key_file: Path | None) -> None:
        self._named = {name.casefold() for name in named}
        self._key = read_card_key(key_file) if key_file else None
        self._token = cache(partial(card_token, self._key or b""))
        self.columns: set[str] = set()

    def begin(self, table: Table, first: Sequence[Row]) -> None:
        """Looks at the first records of a table.

        Raises:
            CardNumbers: a column holds card numbers, and there is no key.
            MappingRefused: a named column is not there.
        """
        if missing := self._named - {name.casefold() for name in table.columns}:
            raise MappingRefused(f"{table.file} has no column {', '.join(sorted(missing))}", "Check `card_numbers`.")
        self.columns |= {name for name in table.columns if name.casefold() in self._named}
        self.columns |= {table.columns[place] for place in _look_like_it(first, len(table.columns), 1)}
        if self.columns and self._key is None:
            raise CardNumbers(
                f"{table.file} holds card numbers in {', '.join(sorted(self.columns))}, and no key makes tokens of them",
                f"Name a key: `--card-key-file card.key`. {HOW_TO_MAKE}",
            )

    def hide(self, table: Table, found: Sequence[Row]) -> None:
        """Puts tokens into the place of card numbers.

        Raises:
            CardNumbers: another column holds card numbers too, which did not where the table began.
        """
        places = [place for place, name in enumerate(table.columns) if name in self.columns]
        if late := _look_like_it(found, len(table.columns), FEWEST) - set(places):
            names = ", ".join(sorted(table.columns[place] for place in late))
            raise CardNumbers(
                f"{table.file} holds card numbers in {names} too, from about line {found[0].line} on",
                "Name the column under `card_numbers`, so that all of it becomes tokens.",
            )
        for row in found:
            for place in places:
                cell = row.cells[place]
                if cell is not None:
                    row.cells[place] = self._token(cell)


def _look_like_it(found: Sequence[Row], width: int, fewest: int) -> set[int]:
    """Returns the places of the columns whose cells, so many at least, mostly are card numbers."""
    columns = (list(islice((row.cells[place] for row in found if row.cells[place]), LOOKED_AT)) for place in range(width))
    enough = ((place, own) for place, own in enumerate(columns) if len(own) >= fewest)
    return {place for place, own in enough if sum(is_card_number(cell or "") for cell in own) >= ENOUGH * len(own)}
