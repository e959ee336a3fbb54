"""Records that Kafka takes together or not at all."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from configuration.kafka import KafkaConnection

TIMEOUT_S = 30.0
_Headers = list[tuple[str, str | bytes]]
"""As the client's types have it; it takes None for a value too."""


class NotWritten(Exception):
    """Kafka has taken none of the records of one transaction; the text says why, and which was refused."""


class Outgoing(NamedTuple):
    """A record that is to be written. `name` is what people know it by; -1: a partition by the key; 0: Kafka's time is now."""

    name: str
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int = -1
    milliseconds: int = 0


class Transactions:
    """Writes records to Kafka, those of one call together or not at all, whatever becomes of this process.

    Of two who write under one id the one who began later shuts the earlier one out. It can begin once the marks of the earlier
    one's last transaction are written: what it reads then is all that the earlier one has written.
    """

    def __init__(self, connection: KafkaConnection, transactional_id: str) -> None:
        """Shuts out who writes under this id at the moment.

        Raises:
            NotWritten: Kafka gives this user no transactions, or does not answer within 30 seconds.
        """
        self._refusals: list[str] = []
        own = {"transactional.id": transactional_id, "compression.type": "lz4", "log_level": 0}
        self._producer = Producer({**connection.librdkafka(), **own})
        self._attempt(lambda: self._producer.init_transactions(TIMEOUT_S))

    def write(self, records: Iterable[Outgoing]) -> None:
        """Writes the records in one transaction; on return all readers see them.

        Raises:
            NotWritten: none of them was written.
        """
        self._attempt(lambda: self._transaction(records))

    def _transaction(self, records: Iterable[Outgoing]) -> None:
        self._producer.begin_transaction()
        for one in records:
            self._producer.produce(
                one.topic,
                one.value,
                one.key,
                partition=one.partition,
                timestamp=one.milliseconds,
                headers=cast(_Headers, list(one.headers)),
                on_delivery=self._note(one.name),
            )
        self._producer.commit_transaction(TIMEOUT_S)

    def _note(self, name: str) -> Callable[[KafkaError | None, Message], None]:
        return lambda error, _: self._refusals.append(f"{name} ({error.str()})") if error else None

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (KafkaException, BufferError) as error:
            cause = error.args[0]
            said = cause.str() if isinstance(cause, KafkaError) else str(error)
            with suppress(KafkaException):  # where none is open, or another's has taken its place
                self._producer.abort_transaction(TIMEOUT_S)  # an open one would keep detectors from what comes behind it
            raise NotWritten(f"{self._refusals[0]}: {said}" if self._refusals else said) from None
