"""A card number becomes a token: HMAC-SHA-256 with a key that is a file."""

import hashlib
import hmac
from pathlib import Path

from configuration.errors import FraudDetectionError

AT_LEAST = 32
"""Bytes of a key."""
HOW_TO_MAKE = (
    "Make one, and keep it: `(umask 077; python3 -c 'import secrets; print(secrets.token_hex(32))' > card.key)`. "
    "Another key makes other tokens of the same cards."
)


class NoCardKey(FraudDetectionError):
    """The key of the card tokens is missing, cannot be read or is too short."""


def read_card_key(file: Path) -> bytes:
    """Returns the key that a file holds, without white space around it.

    Raises:
        NoCardKey: the file cannot be read, or the key has less than 32 bytes.
    """
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise NoCardKey(f"The card key {file} cannot be read: {error.strerror}", HOW_TO_MAKE) from None
    if len(key) < AT_LEAST:
        raise NoCardKey(f"The card key {file} has less than {AT_LEAST} bytes", HOW_TO_MAKE)
    return key


def card_token(key: bytes, number: str) -> str:
    """Returns the token of a card number, 64 hexadecimal digits. Blanks and hyphens in the number do not count."""
    return hmac.new(key, number.replace(" ", "").replace("-", "").encode(), hashlib.sha256).hexdigest()
