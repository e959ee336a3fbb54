"""Python writes what a model store says, and the kernel reads it: both have the same names, and refuse the same manifests."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client import CollectorRegistry
from py4j.protocol import Py4JJavaError
from pydantic import BaseModel
from pyspark.sql import SparkSession

from spark_jobs.errors import UnusableModel
from spark_jobs.features import FEATURE_SET, MODEL_INPUTS
from spark_jobs.metrics import StreamMetrics
from spark_jobs.served_models import ServedModels, model_source
from spark_jobs.settings import S3, Models
from tests.models import FEATURES, MADE_AT, description, key_files, linear
from training import bundle
from training.bundle import MANIFEST, MODEL, SIGNATURE, TREES, describe, sha256
from training.signing import private_key
from training.store import ModelStore

SCORING = "frauddetection.scoring"
READ: Mapping[str, type[BaseModel]] = {
    "Manifest": bundle.Manifest,
    "Manifest$Thresholds": bundle.Thresholds,
    "Calibration": bundle.Calibration,
    "Pointer": bundle.Pointer,
}
"""The kernel's records of JSON, and the classes that write it."""


class Kernel:
    """The kernel's classes by reflection: what is compared is nobody's business but their package's."""

    def __init__(self, spark: SparkSession) -> None:
        self.jvm: Any = spark.sparkContext._jvm
        self._gateway: Any = spark.sparkContext._gateway

    def named(self, kind: str) -> Any:
        return self.jvm.java.lang.Class.forName(f"{SCORING}.{kind}")

    def constant(self, kind: str, name: str) -> Any:
        field = self.named(kind).getDeclaredField(name)
        field.setAccessible(True)
        return field.get(None)

    def fields(self, record: str) -> set[str]:
        names = (one.getName() for one in self.named(record).getRecordComponents())
        return {re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name) for name in names}

    def refuses(self, store: Path, version: str) -> bool:
        columns = self._gateway.new_array(self.jvm.String, len(MODEL_INPUTS))
        for number, name in enumerate(MODEL_INPUTS):
            columns[number] = name
        try:
            self.jvm.frauddetection.scoring.Bundle.load(str(store), version, columns, FEATURE_SET)
        except Py4JJavaError as error:
            if error.java_exception.getClass().getName() != f"{SCORING}.BundleRefused":
                raise
            return True
        return False


@pytest.fixture
def kernel(spark: SparkSession) -> Kernel:
    return Kernel(spark)


def test_the_names_are_the_same(kernel: Kernel) -> None:
    assert set(kernel.constant("Manifest", "FAMILIES")) == set(get_args(bundle.Family))
    assert kernel.constant("Manifest", "FORMAT") == get_args(bundle.Manifest.model_fields["format"].annotation)[0]
    assert kernel.constant("Manifest", "VERSION").pattern() == bundle.VERSION.pattern
    assert kernel.constant("Manifest", "PLAIN").pattern() == bundle.FILE_NAME.pattern
    assert (kernel.constant("Manifest", "ONNX"), kernel.constant("Manifest", "TREES")) == (MODEL, TREES)
    assert (kernel.constant("Bundle", "MANIFEST"), kernel.constant("Bundle", "SIGNATURE")) == (MANIFEST, SIGNATURE)
    roles = kernel.named("ModelStore$Role").getEnumConstants()
    assert {str(role).lower() for role in roles} == set(get_args(bundle.Role))


@pytest.mark.parametrize("record", READ)
def test_the_kernel_reads_fields_that_are_written(kernel: Kernel, record: str) -> None:
    assert kernel.fields(record) <= {field.alias or name for name, field in READ[record].model_fields.items()}


MODEL_FILE = linear(len(FEATURES))
PINNED = {MODEL: sha256(MODEL_FILE)}
MAPS: tuple[Any, ...] = (
    None,
    {"raw": [0.5], "score": [0.5]},
    {"raw": [-1.0, 0.0, 2.0], "score": [0.0, 0.0, 1.0]},
    {"raw": [0.0, 1.0], "score": [0.0, 1.1]},
    {"raw": [0.0, 1.0], "score": [-0.1, 1.0]},
    {"raw": [0.0, 1.0], "score": [1.0, 0.0]},
    {"raw": [1.0, 1.0], "score": [0.0, 1.0]},
    {"raw": [1.0, 0.0], "score": [0.0, 1.0]},
    {"raw": [0.0, 1.0], "score": [0.0]},
    {"raw": [], "score": []},
)
CHANGES: Mapping[str, tuple[Any, ...]] = {
    "format": (1, 0, 2, None),
    "version": ("onnx-00000000", f"other-{sha256(MODEL_FILE)[:8]}", None),
    "family": (*get_args(bundle.Family), "oracle", "mllib_oracle", "", None),
    "feature_set": (FEATURE_SET, "0" * len(FEATURE_SET), "", None),
    "features": (
        list(FEATURES),
        list(MODEL_INPUTS[:2]),
        [FEATURES[0]] * 2,
        [FEATURES[0], "shoe_size"],
        list(FEATURES[:1]),
        [],
        None,
    ),
    "usual": ([0.0, 1.0], [None, None], [1.0], [1.0] * 3, [], None),
    "calibration": MAPS,
    "files": (
        PINNED,
        {},
        None,
        {MODEL: "0" * 64},
        {TREES: PINNED[MODEL]},
        *({**PINNED, name: PINNED[MODEL]} for name in ("../x", "a/b", "/etc/passwd", ".x", "a..b", "b.onnx", MANIFEST)),
    ),
}
"""What is put into a manifest that can be used, one field at a time: of each field that decides whether the kernel takes it."""


def test_both_refuse_the_same_manifests(kernel: Kernel, tmp_path: Path) -> None:
    files = {MODEL: MODEL_FILE, "b.onnx": MODEL_FILE}
    manifest = describe("onnx", description(), {MODEL: MODEL_FILE}, MADE_AT)
    folder, store = tmp_path / manifest.version, ModelStore(str(tmp_path), S3())
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    verdicts = {}
    for field, values in CHANGES.items():
        for value in values:
            (folder / MANIFEST).write_text(json.dumps(json.loads(manifest.to_json()) | {field: value}))
            verdicts[f"{field} {value}"] = (_python_refuses(store, manifest.version), kernel.refuses(tmp_path, manifest.version))
    assert {what: verdict for what, verdict in verdicts.items() if verdict[0] != verdict[1]} == {}
    for field in CHANGES.keys() - {"version"}:
        assert len({verdict for what, verdict in verdicts.items() if what.startswith(f"{field} ")}) == 2, field
    assert kernel.fields("Manifest") - {"thresholds"} == CHANGES.keys()


def _python_refuses(store: ModelStore, version: str) -> bool:
    try:
        store.require_usable(version)
    except UnusableModel:
        return True
    return False


def test_a_detector_with_a_key_starts_on_what_the_trainer_has_signed(spark: SparkSession, tmp_path: Path) -> None:
    private, public = key_files(tmp_path)
    store, metrics = ModelStore(str(tmp_path / "models"), S3()), StreamMetrics(CollectorRegistry())
    manifest = describe("onnx", description(), {MODEL: MODEL_FILE}, MADE_AT)
    store.add(manifest, {MODEL: MODEL_FILE})
    store.point("champion", manifest.version, "a test")
    source = model_source(Models(store=store.place, required=True, public_key_file=public))
    assert source is not None
    with pytest.raises(UnusableModel, match=f"{manifest.version} is refused: it is not signed"):
        ServedModels(spark, source, metrics, required=True)
    ServedModels(spark, source, metrics, required=False)  # rules decide alone
    store.sign(manifest.version, private_key(private))
    ServedModels(spark, source, metrics, required=True)
