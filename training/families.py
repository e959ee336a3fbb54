"""Kinds of models, each an untrained pipeline that says how suspicious a transaction is; all take NaN, which is: absent.

What scikit-learn's trees make of NaN is lost on the way to ONNX, so its models get a value instead, in the pipeline's first step.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from training.bundle import TrainedFamily
from training.mllib import MllibTrees

SEED = 0
XGBOOST = {"tree_method": "exact", "base_score": 0.5}
"""By default XGBoost now puts amounts into 256 bins and cannot tell 220 from 221: the Handbook's figures need exact splits."""
BEST = {"tree_method": "hist", "max_bin": 2_048, "n_estimators": 300, "learning_rate": 0.05, "max_depth": 4}
"""XGBoost's settings of table C in docs/reference/handbook.md."""
BELOW_ALL = -1e9
"""Given to a tree for an absent value: no feature is as low, so that one split parts what is absent from what is not."""


def logistic_regression(**settings: Any) -> Pipeline:
    """Returns an untrained logistic regression on standardised features; what is absent counts as the median."""
    return make_pipeline(_median(), StandardScaler(), LogisticRegression(random_state=SEED, **{"max_iter": 1_000, **settings}))


def decision_tree(**settings: Any) -> Pipeline:
    """Returns an untrained decision tree."""
    return make_pipeline(_below_all(), DecisionTreeClassifier(random_state=SEED, **settings))


def random_forest(**settings: Any) -> Pipeline:
    """Returns an untrained random forest of 100 trees."""
    return make_pipeline(_below_all(), RandomForestClassifier(random_state=SEED, n_jobs=-1, **settings))


def xgboost(**settings: Any) -> Pipeline:
    """Returns an untrained XGBoost classifier."""
    return make_pipeline(XGBClassifier(random_state=SEED, n_jobs=-1, **{**XGBOOST, **settings}))


def isolation_forest(**settings: Any) -> Pipeline:
    """Returns an untrained isolation forest, which learns what is usual and needs no label; what is absent counts as the median."""
    return make_pipeline(_median(), IsolationForest(random_state=SEED, n_jobs=-1, **settings))


def mllib_random_forest(**settings: Any) -> Pipeline:
    """Returns an untrained random forest of Spark MLlib. It needs an active Spark session, as does the next."""
    return make_pipeline(_below_all(), MllibTrees("random_forest", {"seed": SEED, **settings}))


def mllib_gbt(**settings: Any) -> Pipeline:
    """Returns untrained gradient-boosted trees of Spark MLlib."""
    return make_pipeline(_below_all(), MllibTrees("gbt", {"seed": SEED, **settings}))


FAMILIES: Mapping[TrainedFamily, Callable[[], Pipeline]] = {
    "logistic_regression": partial(logistic_regression, C=100),
    "decision_tree": partial(decision_tree, max_depth=8, min_samples_leaf=20),
    "random_forest": partial(random_forest, max_depth=20, min_samples_leaf=5, max_samples=0.2),
    "xgboost": partial(xgboost, **BEST),
    "isolation_forest": partial(isolation_forest, n_estimators=100, max_samples=1_024),
    "mllib_random_forest": partial(
        mllib_random_forest,
        numTrees=50,
        maxDepth=10,
        maxBins=1_024,
        minInstancesPerNode=5,
        subsamplingRate=0.2,
        maxMemoryInMB=1_024,
    ),
    "mllib_gbt": partial(mllib_gbt, maxIter=50, maxDepth=4, stepSize=0.2, maxBins=1_024),
}
"""What `training.train_model --family` trains: the Handbook's best settings, trees kept from learning single rows by heart."""


def is_supervised(model: Pipeline) -> bool:
    """Returns whether the model learns from labels, and gives a probability."""
    return hasattr(model, "predict_proba")


def raw_scores(model: Pipeline, inputs: np.ndarray) -> np.ndarray:
    """Returns what the trained model puts out for each row, more being more suspicious: a probability where it is supervised."""
    scores = model.predict_proba(inputs)[:, 1] if is_supervised(model) else -model.decision_function(inputs)
    return np.asarray(scores, float)


def _median() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _below_all() -> SimpleImputer:
    return SimpleImputer(strategy="constant", fill_value=BELOW_ALL, keep_empty_features=True)
