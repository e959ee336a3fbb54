"""Replays to Kafka: each with its receipt in one transaction, so that a crash leaves both or neither."""

from collections.abc import Iterator, Sequence

from configuration import KafkaConnection, NotWritten, Outgoing, Transactions
from contract import RECEIPT
from local.errors import NotReplayed
from local.rejected.judging import Verdict
from local.rejected.letters import milliseconds

AT_ONCE = 1_000
"""Letters of one transaction."""


class Sender:
    """Sends what the dry run lets pass. Make it before the letters are read.

    Two of them cannot work on one topic of dead letters: a later one shuts the earlier one out, before it reads which letters wait.
    So no letter is replayed twice.
    """

    def __init__(self, connection: KafkaConnection, rejected: str) -> None:
        """Shuts out who replays letters of this topic at the moment.

        Raises:
            NotReplayed: Kafka gives this user no transactions, or does not answer within 30 seconds.
        """
        self._rejected = rejected
        self._id = f"fraud-rejected-replay-{rejected}"
        self.sent = 0
        try:
            self._transactions = Transactions(connection, self._id)
        except NotWritten as error:
            raise self._refusal(error) from None

    def send(self, verdicts: Sequence[Verdict]) -> None:
        """Sends the records, each with its receipt, in the order of their times; of one time payments come last.

        Raises:
            NotReplayed: how many were replayed before, and why the others were not.
        """
        ordered = sorted(verdicts, key=lambda one: (one.letter.rejected.timestamp, one.outcome == "scored"))
        for first in range(0, len(ordered), AT_ONCE):
            some = ordered[first : first + AT_ONCE]
            try:
                self._transactions.write(record for one in some for record in self._records(one))
            except NotWritten as error:
                raise self._refusal(error) from None
            self.sent += len(some)

    def _records(self, verdict: Verdict) -> Iterator[Outgoing]:
        """Yields the replay and its receipt."""
        record = verdict.record
        assert record is not None  # noqa: S101 what passes has a record
        place, at = verdict.letter.identity
        yield Outgoing(
            place,
            record.topic,
            None if record.key is None else bytes(record.key),
            None if record.value is None else bytes(record.value),
            [(name, None if value is None else bytes(value)) for name, value in record.headers or []],
            record.partition,
            milliseconds(record.timestamp),
        )
        yield Outgoing(place, self._rejected, place.encode(), None, [(RECEIPT, str(at).encode())])

    def _refusal(self, error: NotWritten) -> NotReplayed:
        return NotReplayed(
            f"Kafka does not take the replay: {error}. {self.sent:,} letters were replayed before",
            "The others were sent together or not at all: `fraud rejected list` says which wait. "
            f"See that this user may write to the topics with the transactional id {self._id}, and that nobody else replays.",
        )
