"""Approve, review or decline, by the model and by rules.

Rules are Spark SQL boolean expressions over the transaction's fields, the features and `fraud_score`.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import reduce
from typing import Any, Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contract import RuleAction


class Rule(Protocol):
    """One rule, as the settings have it."""

    @property
    def when(self) -> str:
        """The question, a Spark SQL boolean expression; null counts as no."""

    @property
    def action(self) -> RuleAction:
        """What a yes means: review, decline or approve."""

    @property
    def reason(self) -> str:
        """Why, in words for the analyst."""


ACTIONS = ("decline", "approve", "review")
"""What a rule may say, the strongest first."""


def decide(events: DataFrame, rules: Mapping[str, Rule]) -> DataFrame:
    """Returns the events with `decision`, `rules`, `failed_rules`, `reasons_to_alert` and `ruleset_version`.

    The rules are taken as they are; `rehearse` refuses what is none.

    `rules` are the names of those that fired, sorted; `failed_rules` of those that could not be answered, which is no, null where
    there are none. A rule that declines beats one that approves, which beats a review and whatever the model says; without rules
    that fired, the model's thresholds decide. The five columns mean nothing where `kind` is not transaction.
    """
    flat = events.select("*", "transaction.*", "features.*", "score.fraud_score")
    names = sorted(rules)
    columns = {name: f"_rule_{number}" for number, name in enumerate(names)}
    answered = flat.select(*events.columns, *(_answer(flat, rules[name].when).alias(columns[name]) for name in names))
    fired = {name: F.col(columns[name]) for name in names}
    votes = {action: _any([fired[name] for name in names if rules[name].action == action]) for action in ACTIONS}
    failed = F.array_compact(F.array(*(F.when(fired[name].isNull(), F.lit(name)) for name in names)).cast("array<string>"))
    blaming = [name for name in names if rules[name].action != "approve"]
    model_reason = F.when(_model_says("decline") | _model_says("review"), F.format_string("Fraud score %.2f", "score.fraud_score"))
    return answered.select(
        *events.columns,
        F.when(votes["decline"], "decline")
        .when(votes["approve"], "approve")
        .when(_model_says("decline"), "decline")
        .when(votes["review"] | _model_says("review"), "review")
        .otherwise("approve")
        .alias("decision"),
        F.array_compact(F.array(*(F.when(fired[name], F.lit(name)) for name in names)).cast("array<string>")).alias("rules"),
        F.when(_any([fired[name].isNull() for name in names]), failed).alias("failed_rules"),
        F.array_compact(F.array(*(F.when(fired[name], F.lit(rules[name].reason)) for name in blaming), model_reason)).alias(
            "reasons_to_alert"
        ),
        F.lit(ruleset_version(rules)).alias("ruleset_version"),
    )


def ruleset_version(rules: Mapping[str, Rule]) -> str:
    """Returns twelve hexadecimal digits that change with every change of a rule, and not with their order."""
    content = {name: [rule.when, rule.action, rule.reason] for name, rule in rules.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _model_says(action: str) -> Column:
    return F.col("score.model_decision").eqNullSafe(action)


def _any(conditions: list[Column]) -> Column:
    return reduce(lambda one, other: one | other, conditions, F.lit(False))


def _answer(flat: DataFrame, when: str) -> Column:
    """Returns yes or no; null where the rule fails on the transaction, as `element_at(array(1), 0)` does in whatever mode.

    In a branch of CASE: what two rules have in common Spark would else compute before both, where nothing catches.
    """
    jvm: Any = flat.sparkSession.sparkContext._jvm
    asked = Column(jvm.frauddetection.catalyst.Calls.attempt(F.coalesce(F.expr(when), F.lit(False))._jc))
    return F.when(F.col("kind") == "transaction", asked).otherwise(F.lit(False))
