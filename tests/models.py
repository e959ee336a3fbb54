"""Models to keep: bundles whose files are nothing, and ONNX files that are something."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from onnx import TensorProto, helper

from training.bundle import MODEL, Description, Manifest, Thresholds, TrainedOn, describe
from training.store import ModelStore

MADE_AT = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)
FEATURES = ("is_weekend", "is_night")


def description(average_precision: float | None = 0.7, **changes: Any) -> Description:
    known = Description(
        features=FEATURES,
        usual=(0.0, None),
        thresholds=Thresholds(review=0.31),
        metrics={} if average_precision is None else {"average_precision": average_precision},
        trained_on=TrainedOn(begin=MADE_AT - timedelta(days=30), end=MADE_AT, rows=1_000, frauds=10, label_delay_days=7),
    )
    return known.model_copy(update=changes)


def added(store: ModelStore, number: int = 0, average_precision: float | None = 0.7) -> Manifest:
    """Returns a version that is in the store; a higher number is a newer one."""
    files = {MODEL: f"model {number}".encode()}
    manifest = describe("xgboost", description(average_precision), files, MADE_AT + timedelta(minutes=number))
    store.add(manifest, files)
    return manifest


def key_files(folder: Path) -> tuple[Path, Path]:
    """Returns the files of a private key that signs models, and of its public key, as openssl writes them."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / "private.pem", folder / "public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def linear(features: int, weight: float = 0.1, number: int = TensorProto.FLOAT) -> bytes:
    """Returns an ONNX model: the sigmoid of the sum of its features, each times the weight; what is absent counts as 0."""
    nodes = [
        helper.make_node("IsNaN", ["x"], ["absent"]),
        helper.make_node("Where", ["absent", "zero", "x"], ["present"]),
        helper.make_node("MatMul", ["present", "w"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", number, [None, features])],
        [helper.make_tensor_value_info("score", number, [None, 1])],
        [helper.make_tensor("w", number, [features, 1], [weight] * features), helper.make_tensor("zero", number, [], [0])],
    )
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


def margins() -> bytes:
    """Returns an ONNX model whose score is its one feature, whatever it is."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["score"])],
        "margins",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
    )
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


def change(file: Path, **changes: Any) -> None:
    """Changes fields of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
