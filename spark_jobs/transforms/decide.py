"""Approve, review or decline, by the model and by rules.

Rules are Spark SQL boolean expressions over the transaction's fields, the features and `fraud_score`.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import reduce
from typing import Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.errors import InvalidRule
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.schema import TRANSACTION_COLUMNS
from spark_jobs.transforms.expressions import DoesNotParse, EndsTheStream, LooksFurther, NotRepeatable, Refused, examine


class Rule(Protocol):
    """One rule, as the settings have it."""

    @property
    def when(self) -> str:
        """The question, a Spark SQL boolean expression; null counts as no."""

    @property
    def action(self) -> str:
        """What a yes means: review or decline."""

    @property
    def reason(self) -> str:
        """Why, in words for the analyst."""


RULE_COLUMNS = (*TRANSACTION_COLUMNS, *FEATURE_COLUMNS, "fraud_score")
"""What a rule may ask about. `fraud_score` is null where there is no model."""

KNOWN_COLUMNS = f"Known columns are: {', '.join(RULE_COLUMNS)}."
ADVICE: Mapping[type[Refused], str] = {
    DoesNotParse: "Write one Spark SQL boolean expression.",
    LooksFurther: "Use the features for what came before.",
    NotRepeatable: "Ask about event_time and other fields.",
    EndsTheStream: "A rule answers yes or no.",
}


def decide(events: DataFrame, rules: Mapping[str, Rule]) -> DataFrame:
    """Returns the events with `decision`, `rules` (names that fired, sorted), `reasons_to_alert` and `ruleset_version`.

    decline beats review beats approve, whether a rule says it or the model's thresholds do. The four columns mean nothing where
    `kind` is not transaction.

    Raises:
        InvalidRule: a rule does not parse, names an unknown column, is not a yes-or-no question, or could answer differently when
            asked again.
    """
    flat = events.select("*", "transaction.*", "features.*", "score.fraud_score")
    names = sorted(rules)
    for name in names:
        _check(name, rules[name].when, flat)
    columns = {name: f"_rule_{number}" for number, name in enumerate(names)}
    answers = (F.coalesce(F.expr(rules[name].when), F.lit(False)).alias(columns[name]) for name in names)
    fired = flat.select(*events.columns, *answers)
    by_rule = {name: F.col(columns[name]) for name in names}
    votes = {
        action: [_model_says(action), *(by_rule[name] for name in names if rules[name].action == action)]
        for action in ("decline", "review")
    }
    model_reason = F.when(_model_says("decline") | _model_says("review"), F.format_string("Fraud score %.2f", "score.fraud_score"))
    return fired.select(
        *events.columns,
        F.when(_any(votes["decline"]), "decline").when(_any(votes["review"]), "review").otherwise("approve").alias("decision"),
        F.array_compact(F.array(*(F.when(by_rule[name], F.lit(name)) for name in names)).cast("array<string>")).alias("rules"),
        F.array_compact(F.array(*(F.when(by_rule[name], F.lit(rules[name].reason)) for name in names), model_reason)).alias(
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
    return reduce(lambda one, other: one | other, conditions)


def _check(name: str, when: str, flat: DataFrame) -> None:
    try:
        kind = examine(when, flat.select(*RULE_COLUMNS), "one transaction").kind.simpleString()
    except Refused as refused:
        raise InvalidRule(f"Rule `{name}` {refused.what}", ADVICE.get(type(refused), KNOWN_COLUMNS)) from None
    if kind != "boolean":
        raise InvalidRule(f"Rule `{name}` answers with a {kind}, not with yes or no", "Compare it with something.")
