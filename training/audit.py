"""Who did what to the roles of a model store, when, why and by which report: a file an event, never changed; and the marks."""

import getpass
import platform
from datetime import UTC, datetime
from typing import Literal, TypeVar

from pydantic import Field

from training.bundle import Closed, Instant, Pointer, Sha256, Version, sha256
from training.files import Files, UnusableStore

Action = Literal["promoted", "rolled_back", "challenged", "ended", "refused", "marked"]
EVENTS, MARKS = "audit", "marks"


class Report(Closed):
    """The report that a decision rests on."""

    path: str
    sha256: Sha256


class Event(Closed):
    """One thing that was done, or refused."""

    action: Action
    version: Version = Field(description="What it was done to; of `rolled_back` the version that was left")
    at: Instant
    by: str = Field(min_length=1, description="Who did it: a person, or a program with its machine or pod")
    reason: str
    champion: Version | None = Field(description="The champion afterwards")
    report: Report | None = None


class Mark(Closed):
    """Why a version is never proposed again."""

    version: Version
    at: Instant
    by: str
    reason: str


Kept = TypeVar("Kept", Event, Mark)


class Audit:
    """The events and marks of a store. All methods raise UnusableStore where it cannot be reached."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def events(self) -> list[Event]:
        """Returns all events, the oldest first.

        Raises:
            UnusableStore: one of them is none.
        """
        found = (self._kept(Event, f"{EVENTS}/{name}") for name in self._files.names(EVENTS) if name.endswith(".json"))
        return sorted((one for one in found if one), key=lambda one: one.at)

    def add(self, event: Event, of: Pointer | Mark | None = None) -> None:
        """Adds an event; one that is there already, of the same pointer or mark, stays as it is."""
        name = f"{EVENTS}/{event.at:%Y%m%dT%H%M%SZ}-{event.action}-{event.version}-{sha256((of or event).to_json())[:8]}.json"
        if self._files.read(name) is None:
            self._files.write(name, event.to_json())

    def mark(self, mark: Mark) -> None:
        """Marks a version; the first mark stays."""
        if self.marked(mark.version) is None:
            self._files.write(f"{MARKS}/{mark.version}.json", mark.to_json())

    def marked(self, version: str) -> Mark | None:
        """Returns the version's mark, if it has one.

        Raises:
            UnusableStore: it is none.
        """
        return self._kept(Mark, f"{MARKS}/{version}.json")

    def marks(self) -> set[str]:
        """Returns the versions that are marked."""
        return {name.removesuffix(".json") for name in self._files.names(MARKS)}

    def _kept(self, kind: type[Kept], name: str) -> Kept | None:
        content = self._files.read(name)
        try:
            return None if content is None else kind.from_json(content)
        except ValueError as error:
            raise UnusableStore(
                f"{name} in {self._files.place} is wrong: {error}", "Look who has changed it; this program never does."
            ) from None


def who() -> str:
    """Returns the user and the machine, in a pod its name: what `by` is where nobody says it."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an image knows no name for its user
        user = "service"
    return f"{user}@{platform.node() or 'unknown'}"


def now() -> datetime:
    """Returns the time of an event that no pointer has."""
    return datetime.now(UTC).replace(microsecond=0)
