"""How fast traffic is made and sent, in rows a second of one core.

Time is the process's CPU time, librdkafka's own threads included, so other work on the machine hardly counts. The benchmark makes a
topic of its own and deletes it.
"""

import gc
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from configuration import KafkaConnection, reach
from contract import TopicSpec, encode
from producer.handbook import world
from producer.payments import Event
from producer.people import populate
from producer.publisher import Publisher
from producer.topics import create_topics
from producer.traffic import Traffic

START = datetime(2018, 4, 1, tzinfo=UTC)
PARTITIONS = 2
TIMEOUT_S = 10.0


def measure(bootstrap_servers: str, rows: int) -> list[dict[str, Any]]:
    """Returns one dict a measurement: `what`, `rows`, `cpu_seconds`, `rows_per_second_per_core`, `wall_seconds`.

    Raises:
        BrokerUnreachable: no broker answers at `bootstrap_servers`.
    """
    connection = KafkaConnection(bootstrap_servers=bootstrap_servers)
    population = populate(START)

    def traffic(kind: Any) -> Iterator[Event]:
        return islice(Traffic(population, START, kind).events(), rows)

    def payments() -> Iterator[None]:
        for day in world(None, place=population.place):
            yield from (None for _ in day.seconds)

    events = list(traffic("normal"))
    gc.freeze()  # the kept events are not the measured code's: the collector need not look at them
    topic = f"benchmark-{int(time.time())}"
    create_topics(connection, [TopicSpec(name=topic, partitions=PARTITIONS, settings={})])
    admin, _ = reach(connection)  # kept by name: a client that nobody holds is gone before it answers
    try:
        return [
            _timed("Handbook payments made", rows, lambda: _drain(islice(payments(), rows))),
            _timed("whole transactions made, normal traffic", rows, lambda: _drain(traffic("normal"))),
            _timed("whole transactions made, all traffic", rows, lambda: _drain(traffic("all"))),
            _timed("encoded", rows, lambda: _drain(encode(event.transaction) for event in events)),
            _timed("encoded and sent (replay)", rows, lambda: _send(connection, topic, events)),
            _timed("made, encoded and sent", rows, lambda: _send(connection, topic, traffic("normal"))),
        ]
    finally:
        gc.unfreeze()
        admin.delete_topics([topic])[topic].result(TIMEOUT_S)


def _drain(what: Iterable[object]) -> None:
    deque(what, maxlen=0)


def _send(connection: KafkaConnection, topic: str, events: Iterable[Event]) -> None:
    with Publisher(connection) as publisher:
        for event in events:
            publisher.send(topic, event.transaction.card_id, event.transaction)


def _timed(what: str, rows: int, work: Callable[[], None]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "what": what,
        "rows": rows,
        "cpu_seconds": round(cpu, 2),
        "rows_per_second_per_core": round(rows / cpu),
        "wall_seconds": round(wall, 2),
    }
