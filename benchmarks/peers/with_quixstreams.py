"""The job on Quix Streams: record by record, its state in RocksDB with a changelog topic, as it is by default.

    python -m benchmarks.peers.with_quixstreams ADDRESS SOURCE TARGET MODEL FOLDER

A card's payments of the last day are one value of the state, packed: the engine would write and read lists as JSON.
"""

import sys
from array import array
from bisect import bisect_right
from pathlib import Path

import orjson
from quixstreams import Application, State

from benchmarks.peers.job import DAY, HOUR, Model, Windows, payment_of, row_of
from benchmarks.peers.record import PRODUCER, scored

KEY = b"day"
"""Of the one value a card; the engine puts the record's key before it."""


def windows(state: State, time: int, cents: int) -> Windows:
    """Returns the values of WINDOWS for one more payment. The state is the day's times, then as many amounts in cents."""
    packed = array("q", state.get_bytes(KEY, b""))
    half = len(packed) // 2
    times, amounts = packed[:half], packed[half:]
    times.append(time)
    amounts.append(cents)
    gone = bisect_right(times, time - DAY)
    if gone:
        del times[:gone], amounts[:gone]
    hour = bisect_right(times, time - HOUR)
    state.set_bytes(KEY, (times + amounts).tobytes())
    return len(times) - hour, len(times), sum(amounts[hour:]) / 100, sum(amounts) / 100


def main(address: str, source: str, target: str, model: Model, folder: Path) -> None:
    """Runs until the process is ended."""

    def score(value: bytes, state: State) -> bytes:
        transaction = orjson.loads(value)
        payment = payment_of(transaction)
        row = row_of(transaction, payment, windows(state, payment.time, payment.cents))
        return scored(value, row, model.score(row))

    app = Application(
        broker_address=address,
        consumer_group="peer",
        auto_offset_reset="earliest",
        state_dir=folder / "state",
        producer_extra_config=PRODUCER,
        loglevel="WARNING",
    )
    records = app.dataframe(app.topic(source, key_deserializer="bytes", value_deserializer="bytes"))
    records.apply(score, stateful=True).to_topic(app.topic(target, key_serializer="bytes", value_serializer="bytes"))
    app.run()


if __name__ == "__main__":
    address, source, target, model, folder = sys.argv[1:]
    main(address, source, target, Model(model), Path(folder))
