"""A trained model as a file that is no code, checked against the Python library's own scores.

It is ONNX, which any ONNX Runtime reads; trees of Spark MLlib are JSON, for MLlib scores them itself.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as XGBoostFloats
from onnxruntime import InferenceSession, SessionOptions
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from configuration import FraudDetectionError
from training.bundle import TREES, Family, model_file
from training.families import raw_scores
from training.mllib import json_scores, to_json

OPSETS = {"": 15, "ai.onnx.ml": 3}
IR_VERSION = 8
"""The newest that onnxmltools writes; every ONNX Runtime of the last years reads them."""
TOLERANCE = 1e-6
GRAPH = "fraud"
"""The converters draw a name by lot: then one model would be another file each time, and another version."""
INPUT, FILLED, SCORE = "features", "filled", "score"
ROWS = "rows"
NODES = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")


class ExportDiffers(FraudDetectionError):
    """The exported model does not score as the trained one."""


def to_file(family: Family, model: Pipeline, features: int) -> bytes:
    """Returns a trained model of the family as the content of its file."""
    return to_json(model[-1], model[0].statistics_) if model_file(family) == TREES else to_onnx(model, features)


def to_onnx(model: Pipeline, features: int) -> bytes:
    """Returns the trained model as an ONNX file.

    Its one input is [rows, features], NaN where absent: double for a logistic regression, for which float is not exact enough,
    float for trees, which their libraries cut to float too. The score is the last column of the last output.
    """
    double = isinstance(model[-1], LogisticRegression)
    filled = isinstance(model[0], SimpleImputer)
    rest = model[1:] if filled else model
    name = FILLED if filled else INPUT
    found = _convert(rest, name, features, double)
    if filled:
        _fill(found, model[0].statistics_, double)
    found.ir_version = IR_VERSION
    found.graph.name = GRAPH
    onnx.checker.check_model(found, full_check=True)
    content: bytes = found.SerializeToString()
    return content


def onnx_scores(content: bytes, inputs: np.ndarray) -> np.ndarray:
    """Returns what the ONNX file gives for each row, on one thread."""
    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (place,) = session.get_inputs()
    kind = np.float64 if place.type == "tensor(double)" else np.float32
    last = session.run(None, {place.name: inputs.astype(kind)})[-1]
    return np.asarray(last, float).reshape(len(inputs), -1)[:, -1]


def file_scores(family: Family, content: bytes, inputs: np.ndarray) -> np.ndarray:
    """Returns what the file of a model of the family gives for each row."""
    return (json_scores if model_file(family) == TREES else onnx_scores)(content, inputs)


def require_same(family: Family, content: bytes, model: Pipeline, inputs: np.ndarray) -> float:
    """Returns the largest difference between the file's scores and the model's own.

    Raises:
        ExportDiffers: it is more than TOLERANCE, or a score is no number.
    """
    difference = float(np.max(np.abs(file_scores(family, content, inputs) - raw_scores(model, inputs))))
    if not difference <= TOLERANCE:  # NaN is no number, and not larger
        raise ExportDiffers(
            f"As a file the model scores differently, by up to {difference:.2g}",
            "It is not saved. Train another family, and report this one with the versions that `pip list` shows.",
        )
    return difference


def _convert(model: Pipeline, name: str, features: int, double: bool) -> Any:
    if isinstance(model[-1], IsolationForest):
        return _isolation(model[-1], name, features)
    if isinstance(model[-1], XGBClassifier):
        types = [(name, XGBoostFloats([None, features]))]
        return convert_xgboost(model[-1], initial_types=types, target_opset=OPSETS[""])
    kind = DoubleTensorType if double else FloatTensorType
    types = [(name, kind([None, features]))]
    return convert_sklearn(model, initial_types=types, options={id(model): {"zipmap": False}}, target_opset=OPSETS)


def _fill(found: Any, values: np.ndarray, double: bool) -> None:
    """Puts a value in the place of NaN before all else; ONNX Runtime has no imputer for double."""
    kind = np.float64 if double else np.float32
    shape = [one.dim_value or ROWS for one in found.graph.input[0].type.tensor_type.shape.dim]
    found.graph.initializer.append(numpy_helper.from_array(values.astype(kind), "values"))
    found.graph.node.insert(0, helper.make_node("Where", ["absent", "values", INPUT], [FILLED]))
    found.graph.node.insert(0, helper.make_node("IsNaN", [INPUT], ["absent"]))
    del found.graph.input[:]
    element = TensorProto.DOUBLE if double else TensorProto.FLOAT
    found.graph.input.append(helper.make_tensor_value_info(INPUT, element, shape))


def _isolation(forest: IsolationForest, name: str, features: int) -> Any:
    """Returns 2 ** -(mean depth of a row / that of a random row) - 1/2, as scikit-learn has it, with more being more suspicious.

    One ensemble of trees whose leaves hold depths. skl2onnx makes 4,000 operators of a hundred trees: a millisecond a row.
    """
    scale = -1.0 / (len(forest.estimators_) * _mean_depth(np.array([forest.max_samples_]))[0])
    trees = helper.make_node(
        "TreeEnsembleRegressor", [name], ["depth"], domain="ai.onnx.ml", n_targets=1, aggregate_function="SUM", **_trees(forest)
    )
    steps = [("Mul", ["depth", "scale"], "share"), ("Pow", ["two", "share"], "power"), ("Sub", ["power", "half"], SCORE)]
    constants = {"scale": scale, "two": 2.0, "half": 0.5}
    graph = helper.make_graph(
        [trees, *(helper.make_node(kind, given, [made]) for kind, given, made in steps)],
        "isolation_forest",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info(SCORE, TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.array([value], np.float32), one) for one, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*one) for one in OPSETS.items()])


def _trees(forest: IsolationForest) -> dict[str, Any]:
    """Returns the forest as attributes of ONNX's operator, in which a leaf holds its depth."""
    nodes: dict[str, list[Any]] = {f"nodes_{one}": [] for one in NODES}
    leaves: dict[str, list[Any]] = {f"target_{one}": [] for one in ("treeids", "nodeids", "ids", "weights")}
    for number, tree in enumerate(one.tree_ for one in forest.estimators_):
        left, right = tree.children_left, tree.children_right
        inner = left >= 0
        depth = np.zeros(tree.node_count)
        for node in np.flatnonzero(inner):  # a parent comes before its children
            depth[[left[node], right[node]]] = depth[node] + 1
        where = np.arange(tree.node_count)
        modes = np.where(inner, "BRANCH_LEQ", "LEAF")
        columns = (where * 0 + number, where, tree.feature * inner, _floor(tree.threshold), modes, left * inner, right * inner)
        for name, column in zip(nodes, columns, strict=True):
            nodes[name].extend(column.tolist())
        ends = where[~inner]
        weights = (depth + _mean_depth(tree.n_node_samples))[ends]
        for name, column in zip(leaves, (ends * 0 + number, ends, ends * 0, weights), strict=True):
            leaves[name].extend(column.tolist())
    return nodes | leaves


def _floor(thresholds: np.ndarray) -> np.ndarray:
    """Returns the largest float that is not above: a float is at most the one exactly where it is at most the other."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def _mean_depth(rows: np.ndarray) -> np.ndarray:
    """Returns the mean depth of a random tree that isolates each of so many rows (Liu, Ting, Zhou 2008, equation 1)."""
    many = np.maximum(rows, 3)
    return np.select([rows <= 1, rows == 2], [0.0, 1.0], 2 * (np.log(many - 1.0) + np.euler_gamma - (many - 1.0) / many))
