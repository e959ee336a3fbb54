"""What the peers write, and how: imported in their environments alone."""

import orjson

from benchmarks.peers.job import INPUTS, Row

PRODUCER = {"linger.ms": "5", "batch.size": "131072", "compression.type": "lz4", "acks": "all"}
"""Settings of the Kafka producer: those of the detector's sink."""


def scored(value: bytes, row: Row, score: float) -> bytes:
    """Returns a scored record; the transaction goes into it as the bytes that came, which costs least."""
    features = dict(zip(INPUTS, row, strict=True))
    record: bytes = orjson.dumps({"transaction": orjson.Fragment(value), "features": features, "fraud_score": score})
    return record
