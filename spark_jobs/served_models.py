"""Which models are in force. The kernel reads the store and swaps by itself, in every JVM; the driver's own is asked here."""

import json
import re
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import structlog
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from spark_jobs.errors import UnusableKey, UnusableModel
from spark_jobs.features import FEATURE_SET, MODEL_INPUTS
from spark_jobs.metrics import StreamMetrics
from spark_jobs.settings import Models
from spark_jobs.transforms.score import ModelSource

log = structlog.get_logger()

_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")
_ED25519 = bytes.fromhex("302a300506032b6570032100")
"""How the DER of each Ed25519 public key begins; 32 bytes follow (RFC 8410)."""


def model_source(chosen: Models) -> ModelSource | None:
    """Returns where models come from, by the settings; None where rules decide alone.

    Raises:
        UnusableKey: `public_key_file` cannot be read, or is no Ed25519 public key.
    """
    if chosen.store is None:
        return None
    key = _public_key(chosen.public_key_file) if chosen.public_key_file else None
    return ModelSource(chosen.store, round(chosen.poll.total_seconds()), key)


def _public_key(file: Path) -> str:
    advice = "Check `models.public_key_file`; `openssl pkey -in private.pem -pubout` writes it: docs/how-to/promote-a-model.md."
    try:
        found = _PEM.search(file.read_text("ascii"))
        der = b64decode(found[1]) if found else b""
    except OSError as error:
        raise UnusableKey(f"{file} cannot be read: {error.strerror}", advice) from None
    except ValueError:
        der = b""
    if len(der) != len(_ED25519) + 32 or not der.startswith(_ED25519):
        raise UnusableKey(f"{file} is no Ed25519 public key in PEM", advice)
    return b64encode(der).decode()


class ServedModels:
    """Says in log and metrics which model is champion and which challenger, whenever that changes."""

    def __init__(self, spark: SparkSession, models: ModelSource, metrics: StreamMetrics, *, required: bool) -> None:
        """Loads both. Where one is refused the log says why, and rules decide until a look finds one that can be used.

        Raises:
            UnusableModel: there is no champion that can be used, and one is `required`.
        """
        jvm: Any = spark.sparkContext._jvm
        self._store = jvm.frauddetection.scoring.ModelStore
        self._models, self._metrics, self._required = models, metrics, required
        columns = spark.sparkContext._gateway.new_array(jvm.String, len(MODEL_INPUTS))  # type: ignore[union-attr]
        for number, name in enumerate(MODEL_INPUTS):
            columns[number] = name
        self._served = ""
        self._looked_at = time.monotonic()
        try:
            self._say(self._store.check(models.store, columns, FEATURE_SET, models.public_key))
        except Py4JJavaError as error:
            self._refused(error.java_exception.getMessage())
        if required and not json.loads(self._served or "{}").get("champion"):
            self._refused("it has no champion")

    def _refused(self, why: str) -> None:
        advice = "`fraud models list` shows what it holds; `fraud models promote` another version, or train one on these features."
        if self._required:
            raise UnusableModel(f"The model store {self._models.store} is refused: {why}", advice) from None
        log.warning("rules decide alone", because=why, store=self._models.store, advice=advice)
        self._metrics.models({"champion": None, "challenger": None})

    def look(self) -> None:
        """Looks again once `poll_s` has passed since the last time."""
        if time.monotonic() - self._looked_at >= self._models.poll_s:
            self._looked_at = time.monotonic()
            self._say(self._store.served(self._models.store))
            self._metrics.refused(self._store.refuses(self._models.store))

    def _say(self, served: str) -> None:
        if served != self._served:
            self._served = served
            models = json.loads(served)
            self._metrics.models(models)
            log.info("models in force", **models)
