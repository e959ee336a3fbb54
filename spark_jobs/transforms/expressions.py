"""Spark SQL that a person has written into the settings: checked before the stream starts, against the columns that it may name."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pyspark.errors import AnalysisException, IllegalArgumentException, ParseException, PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

CLOCKS = frozenset({"CurrentTimestamp", "CurrentTimestampNow", "Now", "CurrentDate", "CurrentTime", "LocalTimestamp"})
"""Expressions that ask what time it is: a replay would end otherwise."""

LENGTHS = {
    "Sequence": (0, 1),
    "StringRepeat": (1,),
    "ArrayRepeat": (1,),
    "StringSpace": (0,),
    "StringLPad": (1,),
    "StringRPad": (1,),
}
"""Expressions that make something as long as they are told, and which of their arguments say so."""
LONGEST = 1_000
SHORTER = f"Write a length as a number, of at most {LONGEST:,}."

ENDS_THE_STREAM = frozenset({"RaiseError", "AssertTrue"})


class Refused(Exception):
    """An expression that cannot be used. `what` continues a sentence that begins with its name."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class DoesNotParse(Refused):
    """It is no Spark SQL expression."""


class LooksFurther(Refused):
    """It is not about one row alone."""


class NotRepeatable(Refused):
    """It could answer differently when asked again."""


class EndsTheStream(Refused):
    """It raises an error of its own accord."""


class FillsMemory(Refused):
    """A record could make it as long as the memory is large, and no error of that kind can be caught."""


class Examined(NamedTuple):
    """An expression that can be used."""

    kind: T.DataType
    tree: Any
    """What Spark has made of it: Catalyst's expression, analyzed."""


def examine(expression: str, known: DataFrame, one: str) -> Examined:
    """Returns the expression over the columns of `known`; `one` says what a row is, such as `one transaction`.

    Raises:
        Refused: it does not parse, names an unknown column, looks at more than one row, could answer differently when asked again,
            or would end the stream.
    """
    try:
        answer = known.select(F.expr(expression))
        kind = answer.schema[0].dataType
        plan: Any = answer._jdf.queryExecution().analyzed()
    except ParseException as error:
        raise DoesNotParse(f"does not parse: {_first_line(error)}") from None
    except AnalysisException as error:
        if "UNRESOLVED_COLUMN" in (error.getCondition() or ""):
            unknown = (error.getMessageParameters() or {}).get("objectName", "")
            raise Refused(f"names an unknown column {unknown}") from None
        raise Refused(f"is refused: {_first_line(error)}") from None
    except IllegalArgumentException as error:  # of a function of our own
        raise Refused(f"is refused: {_first_line(error)}") from None
    one_row = plan.nodeName() == "Project" and plan.child().equals(known._jdf.queryExecution().analyzed())
    if not one_row or plan.subqueries().nonEmpty():
        raise LooksFurther(f"looks at more than {one}")
    for node in _nodes(plan.projectList().head()):
        used = node.getClass().getSimpleName()
        if used in CLOCKS or not node.deterministic():
            raise NotRepeatable(f"would answer differently when asked again: {node.prettyName()}")
        if used in ENDS_THE_STREAM:
            raise EndsTheStream(f"would end the stream: {node.prettyName()}")
        if not all(_is_short(node.children().apply(place)) for place in LENGTHS.get(used, ())):
            raise FillsMemory(f"could fill the memory: {node.prettyName()}")
    return Examined(kind, plan.projectList().head())


def _is_short(length: Any) -> bool:
    value = length.value() if length.getClass().getSimpleName() == "Literal" else None
    return isinstance(value, int) and abs(value) <= LONGEST


def _nodes(expression: Any) -> Iterator[Any]:
    """Returns the expression's nodes, leaves first: the one to blame comes before those that contain it."""
    children = expression.children()
    for index in range(children.size()):
        yield from _nodes(children.apply(index))
    yield expression


def _first_line(error: PySparkException) -> str:
    return str(error).strip().splitlines()[0]
