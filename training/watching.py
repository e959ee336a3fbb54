"""`fraud models watch`: what a new champion does beside what the one before did; it is taken back where it does harm.

The time is Kafka's, and it begins with the promotion: a watch that is killed and started again says the same.
"""

import math
from contextlib import closing
from datetime import timedelta
from typing import Annotated

import structlog
import typer

from configuration import FraudDetectionError, stop_signals
from training import promotion
from training.audit import who
from training.bundle import Pointer
from training.options import By, Place, Reached, duration, out, reached
from training.store import ModelStore
from training.watch.reading import ScoredTopic
from training.watch.watch import Length, NotWatched, Watch, not_champion

ROLLED_BACK = 7
"""Exit code."""
WINDOW = timedelta(minutes=1)
MOST_WINDOWS = 1_000

log = structlog.get_logger()


class RolledBack(FraudDetectionError):
    """The model did harm, and its predecessor is champion again."""

    exit_code = ROLLED_BACK


def watch(
    version: Annotated[str | None, typer.Argument(help="The version that must be champion; by default whichever is.")] = None,
    length: Annotated[timedelta, typer.Option("--for", parser=duration, metavar="1h", help="How long, from the promotion on.")] = (
        timedelta(hours=1)
    ),
    window: Annotated[
        timedelta, typer.Option(parser=duration, metavar="1m", help="What is judged at once; a breach is found at its end.")
    ] = WINDOW,
    by: By = None,
    store: Place = None,
) -> None:
    """Compare the champion's payments with its predecessor's, and roll it back where it does harm; the exit code is 7 then."""
    found = reached(store)
    if version is None:
        champion = found.store.pointer("champion")
        if champion is None:
            raise NotWatched("There is no champion", "Choose a version: `fraud models list`, then `fraud models promote VERSION`.")
        version = champion.version
    out.print(watched(found, version, length, by or who(), window))


def watched(found: Reached, version: str, length: timedelta, by: str, window: timedelta = WINDOW) -> str:
    """Watches a version, and returns in one sentence what came of it.

    Raises:
        RolledBack: it did harm; it is marked, and its predecessor is champion.
        Interrupted: this program was asked to stop.
        NotWatched: another is champion by now, or Kafka is away for too long.
        FraudDetectionError: store or Kafka cannot be reached at the start.
    """
    windows = math.ceil(length / window)
    if not 0 < windows <= MOST_WINDOWS:
        raise NotWatched(f"A watch has 1 to {MOST_WINDOWS:,} windows, not {windows:,}", "Choose another length, or other windows.")
    promoted = _promoted(found.store, version, by)
    if promoted.previous is None:
        return f"{version} stays champion: there was none before, to compare with or to go back to."
    with stop_signals() as stop, closing(ScoredTopic(found.kafka, found.topics.scored)) as topic:
        one = Watch(found.store, topic, promoted, Length(length, window, windows), stop)
        harm = one.run()
    if harm:
        pointer = promotion.take_back(found.store, version, by, harm)
        log.error("rolled back", version=version, champion=pointer.version, why=harm)
        raise _rolled_back(version, pointer.version, harm)
    return one.kept()


def _promoted(store: ModelStore, version: str, by: str) -> Pointer:
    """Returns the champion's pointer.

    Raises:
        RolledBack: the version was rolled back by an earlier watch; what that has not finished is finished.
        NotWatched: another is champion.
    """
    champion, mark = store.pointer("champion"), store.audit.marked(version)
    is_champion = champion is not None and champion.version == version
    # What was promoted by force after its mark is watched as any other.
    if mark is not None and not (is_champion and champion and champion.promoted_at > mark.at):
        raise _rolled_back(version, promotion.take_back(store, version, by, mark.reason).version, mark.reason)
    if champion is None or not is_champion:
        raise not_champion(version, champion)
    return champion


def _rolled_back(version: str, champion: str, harm: str) -> RolledBack:
    return RolledBack(
        f"{version} is rolled back, and {champion} is champion: {harm}",
        "It is not proposed again. See `fraud models audit`, and docs/how-to/promote-a-model.md for what to look at.",
    )
