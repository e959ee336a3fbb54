"""Secrets of channels, each in a file that is read anew for every message: a Secret that is changed needs no restart."""

from pathlib import Path

from notifier.errors import UnusableChannel


def read_secret(channel: str, file: Path) -> str:
    """Returns what the file holds, without white space around it.

    Raises:
        UnusableChannel: it cannot be read, or is empty.
    """
    try:
        found = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UnusableChannel(f"Channel {channel}: {file} cannot be read: {why}", "Check the channel's files.") from None
    if not found:
        raise UnusableChannel(f"Channel {channel}: {file} is empty", "Write the secret into it, on one line.")
    return found
