"""Spark MLlib's trees as a scikit-learn estimator, and their file: JSON that the kernel builds MLlib's own model from again."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.ml import Pipeline as MllibPipeline
from pyspark.ml.classification import GBTClassifier, RandomForestClassifier
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.base import BaseEstimator, ClassifierMixin

KINDS = {"random_forest": RandomForestClassifier, "gbt": GBTClassifier}
ROWS_A_GROUP = 50_000
"""Rows of Parquet that one task of Spark reads."""


class MllibTrees(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A Spark MLlib pipeline of VectorAssembler and trees, trained and scored by the Spark session that is active."""

    def __init__(self, kind: Literal["random_forest", "gbt"], settings: Mapping[str, Any]) -> None:
        """Takes the settings of MLlib's classifier. Absent values must have been filled before."""
        self.kind = kind
        self.settings = settings

    def fit(self, inputs: np.ndarray, truth: np.ndarray) -> Self:
        """Returns itself, trained on rows of features and whether each is fraud."""
        names = [f"f{number}" for number in range(inputs.shape[1])]
        stages = [
            VectorAssembler(inputCols=names, outputCol="features", handleInvalid="error"),
            KINDS[self.kind](labelCol="label", **self.settings),
        ]
        with _rows(inputs, {"label": np.asarray(truth, float)}) as rows:
            self.model_ = MllibPipeline(stages=stages).fit(rows)
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the probabilities of genuine and of fraud for each row."""
        with _rows(inputs, {"number": np.arange(len(inputs))}) as rows:
            scored = self.model_.transform(rows).select("number", vector_to_array(F.col("probability"))[1].alias("score"))
            found = scored.toArrow().sort_by("number")["score"].to_numpy()
        return np.column_stack([1 - found, found])


def to_json(trees: MllibTrees, absent: np.ndarray) -> bytes:
    """Returns the file of the trained trees; `absent` stands for each feature where it is absent."""
    jvm: Any = _spark().sparkContext._jvm
    trained: Any = trees.model_.stages[-1]
    content: str = jvm.frauddetection.scoring.MllibModel.write(trained._java_obj, [float(one) for one in absent])
    return content.encode()


def json_scores(content: bytes, inputs: np.ndarray) -> np.ndarray:
    """Returns what the file says of each row, without MLlib."""
    model = json.loads(content)
    filled = np.where(np.isnan(inputs), model["absent"], inputs)
    total = np.zeros(len(filled))
    for weight, tree in zip(model["weights"], model["trees"], strict=True):
        feature, threshold, right = (np.array(tree[name]) for name in ("feature", "threshold", "right"))
        place = np.zeros(len(filled), int)
        while (at := np.flatnonzero(feature[place] >= 0)).size:
            node = place[at]
            place[at] = np.where(filled[at, feature[node]] <= threshold[node], node + 1, right[node])
        if model["kind"] == "gbt":
            total += weight * threshold[place]
        else:
            shares = np.array([one[1] / sum(one) if one else np.nan for one in tree["stats"]])
            total += shares[place] / len(model["trees"])
    return 1 / (1 + np.exp(-2 * total)) if model["kind"] == "gbt" else total


@contextmanager
def _rows(inputs: np.ndarray, more: Mapping[str, np.ndarray]) -> Iterator[DataFrame]:
    """Yields the rows as a DataFrame of f0, f1, ... and more columns, in a file as long as they are used."""
    columns = {f"f{number}": column for number, column in enumerate(inputs.T.copy())} | dict(more)
    with TemporaryDirectory(prefix="fraud-mllib-") as folder:
        file = str(Path(folder) / "rows.parquet")
        pq.write_table(pa.table(columns), file, row_group_size=ROWS_A_GROUP)
        yield _spark().read.parquet(file)


def _spark() -> SparkSession:
    """Returns the active session.

    Raises:
        RuntimeError: there is none; the program that trains has not started one.
    """
    session = SparkSession.getActiveSession()
    if session is None:
        raise RuntimeError("MLlib needs a Spark session, and none is active")
    return session
