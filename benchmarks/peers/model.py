"""The model that all engines score with: 200 trees of depth 6, trained on the job's own columns, in a model store."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.peers.job import FEATURE_SET, INPUTS, CardWindows, payment_of, row_of
from training.bundle import MANIFEST, Description, Pointer, Thresholds, describe, model_file, sha256
from training.export import to_file
from training.families import xgboost


def train(values: Iterable[bytes], store: Path) -> Path:
    """Returns the ONNX file of a model that has learnt from transactions with `is_fraud`; it is the champion of the store."""
    rows, truth = [], []
    cards: defaultdict[str, CardWindows] = defaultdict(CardWindows)
    for value in values:
        transaction = json.loads(value)
        payment = payment_of(transaction)
        rows.append(row_of(transaction, payment, cards[transaction["card_id"]].add(payment.time, payment.cents)))
        truth.append(transaction["is_fraud"])
    model = xgboost(tree_method="hist", n_estimators=200, max_depth=6).fit(np.array(rows, float), truth)
    content = to_file("xgboost", model, len(INPUTS))
    name, now = model_file("xgboost"), datetime.now(UTC).replace(microsecond=0)
    known = Description(features=INPUTS, thresholds=Thresholds())
    # A ModelStore takes the detector's own features alone, so the files are written here.
    manifest = describe("xgboost", known, {name: content}, now).model_copy(update={"feature_set": FEATURE_SET})
    pinned = sha256(manifest.to_json())
    pointer = Pointer(version=manifest.version, manifest_sha256=pinned, promoted_at=now, reason="benchmark", previous=None)
    home = store / manifest.version
    home.mkdir(parents=True)
    (home / name).write_bytes(content)
    (home / MANIFEST).write_bytes(manifest.to_json())
    (store / "champion.json").write_bytes(pointer.to_json())
    return home / name
