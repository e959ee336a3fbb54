"""Replays to Kafka: each with its receipt in one transaction, so that a crash leaves both or neither."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from configuration import KafkaConnection
from contract import RECEIPT
from local.errors import NotReplayed
from local.rejected.judging import Verdict
from local.rejected.letters import milliseconds

AT_ONCE = 1_000
"""Letters of one transaction."""
TIMEOUT_S = 30.0
Headers = list[tuple[str, str | bytes]]
"""As the client's types have it; it takes None for a value too."""


class Sender:
    """Sends what the dry run lets pass. Make it before the letters are read.

    Two of them cannot work on one topic of dead letters: a later one shuts the earlier one out, before it reads which letters wait.
    It can begin once the marks of the earlier one's last transaction are written, so that it reads all receipts: no letter is
    replayed twice.
    """

    def __init__(self, connection: KafkaConnection, rejected: str) -> None:
        """Shuts out who replays letters of this topic at the moment.

        Raises:
            NotReplayed: Kafka gives this user no transactions, or does not answer within 30 seconds.
        """
        self._rejected = rejected
        self._refusals: list[tuple[str, KafkaError]] = []
        self.sent = 0
        self._producer = Producer(
            {
                **connection.librdkafka(),
                "transactional.id": f"fraud-rejected-replay-{rejected}",
                "compression.type": "lz4",
                "log_level": 0,
            }
        )
        self._attempt(lambda: self._producer.init_transactions(TIMEOUT_S))

    def send(self, verdicts: Sequence[Verdict]) -> None:
        """Sends the records, each with its receipt, in the order of their times; of one time payments come last.

        Raises:
            NotReplayed: how many were replayed before, and why the others were not.
        """
        ordered = sorted(verdicts, key=lambda one: (one.letter.rejected.timestamp, one.outcome == "scored"))
        for first in range(0, len(ordered), AT_ONCE):
            some = ordered[first : first + AT_ONCE]
            self._attempt(lambda some=some: self._transaction(some))  # type: ignore[misc]
            self.sent += len(some)

    def _transaction(self, verdicts: Sequence[Verdict]) -> None:
        self._producer.begin_transaction()
        for one in verdicts:
            record = one.record
            assert record is not None  # noqa: S101 what passes has a record
            place, at = one.letter.identity
            self._producer.produce(
                record.topic,
                None if record.value is None else bytes(record.value),
                None if record.key is None else bytes(record.key),
                partition=record.partition,
                timestamp=milliseconds(record.timestamp),
                headers=cast(Headers, [(name, None if value is None else bytes(value)) for name, value in record.headers or []]),
                on_delivery=self._note(place),
            )
            self._producer.produce(
                self._rejected, None, place, headers=[(RECEIPT, str(at).encode())], on_delivery=self._note(place)
            )
        self._producer.commit_transaction(TIMEOUT_S)

    def _note(self, place: str) -> Callable[[KafkaError | None, Message], None]:
        return lambda error, _: self._refusals.append((place, error)) if error else None

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (KafkaException, BufferError) as error:
            cause = error.args[0]
            said = cause.str() if isinstance(cause, KafkaError) else str(error)
            with suppress(KafkaException):  # where none is open, or another's has taken its place
                self._producer.abort_transaction(TIMEOUT_S)  # an open one would keep detectors from what comes behind it
            at = f" {self._refusals[0][0]} ({self._refusals[0][1].str()})" if self._refusals else ""
            raise NotReplayed(
                f"Kafka does not take the replay{at}: {said}. {self.sent:,} letters were replayed before",
                "The others were sent together or not at all: `fraud rejected list` says which wait. "
                f"See that this user may write to the topics with the transactional id fraud-rejected-replay-{self._rejected}, "
                "and that nobody else replays.",
            ) from None
