"""Label values out of records. A record may be anybody's, so there is a bound to how many there are and to what they look like."""

import re

from contract.card_numbers import is_card_number

OTHER = "other"
NONE = "none"
_LIKE_A_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,99}")


class Names:
    """The first so many names that came; a further one, and what is no name or could be a card number, is `other`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known = {NONE}

    def of(self, text: str | None) -> str:
        """Returns the label value for a text of a record; `none` for None."""
        if text is None:
            return NONE
        if text in self._known:
            return text
        if len(self._known) > self._most or not _LIKE_A_NAME.fullmatch(text) or is_card_number(text, any_network=True):
            return OTHER
        self._known.add(text)
        return text


class Choice:
    """One of a few texts that the contract lists; every other is `other`."""

    def __init__(self, *known: str) -> None:
        self._known = frozenset(known)

    def of(self, text: str) -> str:
        """Returns the label value for a text of a record."""
        return text if text in self._known else OTHER
