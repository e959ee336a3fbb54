"""Kinds of models, each an untrained pipeline that gives the probability of fraud; all but the logistic regression take NaN too."""

from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

SEED = 0
XGBOOST = {"tree_method": "exact", "base_score": 0.5}
"""By default XGBoost now puts amounts into 256 bins and cannot tell 220 from 221: the Handbook's figures need exact splits."""


def logistic_regression(**settings: Any) -> Pipeline:
    """Returns an untrained logistic regression on standardised features."""
    return make_pipeline(StandardScaler(), LogisticRegression(random_state=SEED, **{"max_iter": 1_000, **settings}))


def decision_tree(**settings: Any) -> Pipeline:
    """Returns an untrained decision tree."""
    return make_pipeline(DecisionTreeClassifier(random_state=SEED, **settings))


def random_forest(**settings: Any) -> Pipeline:
    """Returns an untrained random forest of 100 trees."""
    return make_pipeline(RandomForestClassifier(random_state=SEED, n_jobs=-1, **settings))


def xgboost(**settings: Any) -> Pipeline:
    """Returns an untrained XGBoost classifier."""
    return make_pipeline(XGBClassifier(random_state=SEED, n_jobs=-1, **{**XGBOOST, **settings}))
