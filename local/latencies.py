"""How long a payment's alert takes, by the broker's clock alone: from its append of the payment to its append of the alert."""

from collections import deque

KEPT = 10_000


class Latencies:
    """Pairs payments and alerts, whichever is seen first, as long as the other comes within the next KEPT."""

    def __init__(self) -> None:
        self.milliseconds: deque[float] = deque(maxlen=KEPT)
        """Of the last pairs."""
        self._paid: dict[str, int] = {}
        self._alerted: dict[str, int] = {}

    def paid(self, transaction_id: str, at_ms: int) -> None:
        """Takes a payment's append."""
        self._pair(transaction_id, at_ms, self._paid)

    def alerted(self, transaction_id: str, at_ms: int) -> None:
        """Takes an alert's append."""
        self._pair(transaction_id, at_ms, self._alerted)

    def _pair(self, transaction_id: str, at_ms: int, own: dict[str, int]) -> None:
        own[transaction_id] = at_ms
        if transaction_id in self._paid and transaction_id in self._alerted:
            self.milliseconds.append(self._alerted.pop(transaction_id) - self._paid.pop(transaction_id))
        elif len(own) > KEPT:
            del own[next(iter(own))]
