"""Approve, review or decline, by the model and by rules.

Rules are Spark SQL boolean expressions over the transaction's fields, the features and `fraud_score`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, Protocol

from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.errors import InvalidRule
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.schema import TRANSACTION_COLUMNS


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


CLOCKS = frozenset({"CurrentTimestamp", "CurrentTimestampNow", "Now", "CurrentDate", "CurrentTime", "LocalTimestamp"})
"""Expressions that ask what time it is: a replay would decide differently. `event_time` is the time a rule may know."""

RULE_COLUMNS = (*TRANSACTION_COLUMNS, *FEATURE_COLUMNS, "fraud_score")
"""What a rule may ask about. `fraud_score` is null where there is no model."""

KNOWN_COLUMNS = f"Known columns are: {', '.join(RULE_COLUMNS)}."
ENDS_THE_STREAM = frozenset({"RaiseError", "AssertTrue"})


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
    known = flat.select(*RULE_COLUMNS)
    try:
        answer = known.select(F.expr(when))
        kind = answer.schema[0].dataType.simpleString()
        plan: Any = answer._jdf.queryExecution().analyzed()
    except ParseException as error:
        raise InvalidRule(
            f"Rule `{name}` does not parse: {_first_line(error)}", "Write one Spark SQL boolean expression."
        ) from None
    except AnalysisException as error:
        if "UNRESOLVED_COLUMN" in (error.getCondition() or ""):
            unknown = (error.getMessageParameters() or {}).get("objectName", "")
            raise InvalidRule(f"Rule `{name}` names an unknown column {unknown}", KNOWN_COLUMNS) from None
        raise InvalidRule(f"Rule `{name}` is refused: {_first_line(error)}", KNOWN_COLUMNS) from None
    if kind != "boolean":
        raise InvalidRule(f"Rule `{name}` answers with a {kind}, not with yes or no", "Compare it with something.")
    one_row = plan.nodeName() == "Project" and plan.child().equals(known._jdf.queryExecution().analyzed())
    if not one_row or plan.subqueries().nonEmpty():
        raise InvalidRule(f"Rule `{name}` looks at more than one transaction", "Use the features for what came before.")
    for node in _nodes(plan.projectList().head()):
        used = node.getClass().getSimpleName()
        if used in CLOCKS or not node.deterministic():
            raise InvalidRule(
                f"Rule `{name}` would answer differently when asked again: {node.prettyName()}",
                "Ask about event_time and other fields.",
            )
        if used in ENDS_THE_STREAM:
            raise InvalidRule(f"Rule `{name}` would end the stream: {node.prettyName()}", "A rule answers yes or no.")


def _nodes(expression: Any) -> Iterator[Any]:
    """Returns the expression's nodes, leaves first: the one to blame comes before those that contain it."""
    children = expression.children()
    for index in range(children.size()):
        yield from _nodes(children.apply(index))
    yield expression


def _first_line(error: PySparkException) -> str:
    return str(error).strip().splitlines()[0]
