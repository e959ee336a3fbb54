"""What the records of the detector's topics say: decoded, counted, and compared with the inputs that they are of."""

import time
from collections.abc import Callable, Iterable

from contract import Topics
from watcher import records
from watcher.inputs import Inputs
from watcher.metrics import WatchMetrics
from watcher.outputs import Read
from watcher.records import Place
from watcher.tally import Tally, latency

Count = Callable[[Read, Tally], None]


class Counting:
    """Takes records as they are read."""

    def __init__(self, topics: Topics, inputs: Inputs, metrics: WatchMetrics) -> None:
        self._inputs, self._metrics = inputs, metrics
        self._counts: dict[str, Count] = {
            topics.scored: self._scored,
            topics.alerts: self._alert,
            topics.rejected: self._rejected,
        }
        self._newest = time.time()

    def newest_scored_age(self) -> float:
        """Returns the seconds since Kafka's timestamp of the newest scored record; where none was read, since this object is."""
        return max(time.time() - self._newest, 0.0)

    def take(self, reads: Iterable[Read]) -> None:
        """Counts records. One that is not the detector's is counted as such, and nothing of what it holds is told.

        Of old records only what they say of the state is taken: which inputs have results, which features there are.
        """
        old, new = Tally(), Tally()
        for read in reads:
            tally = old if read.is_old else new
            tally.records[read.place.topic] += 1
            try:
                self._counts[read.place.topic](read, tally)
            except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, but of what is nested too deeply
                tally.unreadable += 1
        self._metrics.know(old.present)
        self._metrics.add(new)

    def _scored(self, read: Read, tally: Tally) -> None:
        tally.scored(records.scored(read.message.value() or b""))
        origin = records.origin(read.message.headers())
        appended = read.message.timestamp()[1]
        self._newest = max(self._newest, min(appended / 1000, time.time()))  # a clock that is ahead hides no silence
        if origin is not None:
            tally.scored_after.append(latency(origin.timestamp, appended))
            self._inputs.handled(origin.place, origin.offset)

    def _alert(self, read: Read, tally: Tally) -> None:
        records.alert(read.message.value() or b"")
        origin = records.origin(read.message.headers())
        if origin is not None:
            tally.alerted_after.append(latency(origin.timestamp, read.message.timestamp()[1]))

    def _rejected(self, read: Read, tally: Tally) -> None:
        if records.is_receipt(read.message.value(), read.message.headers()):
            return
        letter = records.rejected(read.message.value() or b"")
        tally.rejected(letter.reasons)
        self._inputs.handled(Place(letter.topic, letter.partition), letter.offset)
