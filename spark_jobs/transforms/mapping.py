"""Foreign records to the contract's fields, before `decode`: each field's text from where the settings say, or why there is none.

    value ──► texts ─────────► input ─────► mapped
    JSON,     at all paths,    by topic     the text of each
    Avro      in one reading   and `where`  contract field

All is one projection in every mode; an array of records is one `explode` more. Nothing fails on a record: what cannot be computed
is null, and `decode` says what that means. A VARIANT of the whole value is made only where an expression wants more of it than
texts at paths.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from contract.fields import fields_of
from spark_jobs.errors import InvalidMapping
from spark_jobs.schema import KINDS
from spark_jobs.transforms.expressions import SHORTER, Examined, FillsMemory, LooksFurther, NotRepeatable, Refused, examine
from spark_jobs.transforms.inputs import Input, Inputs, Numbered
from spark_jobs.transforms.mapping_functions import register

UNREADABLE: Mapping[str, str] = {
    "not_an_array": "What `each` leads to is neither an array nor an object",
    "too_many": "The array that `each` leads to has more than 10,000 elements",
    "not_avro": "The value is not Avro of its schema, or something follows it",
    "no_schema_registry_frame": "The value does not begin with a magic byte and the id of a schema",
    "unknown_schema": "The registry does not have the value's schema, or it is not Avro",
    "schema_registry_away": "The registry cannot be reached, and the value's schema has not been seen before",
}
"""Reason codes of values that are no foreign record, beside those that `decode` knows."""

COLUMNS = {"body": "variant", "key": "string", "headers": "map<string,string>", "topic": "string", "timestamp": "timestamp"}
"""What an expression may name, with Spark's types: the record, its key and headers as text, its topic, and Kafka's time."""

OBSERVATION = "mapping"
"""Of a stream's progress: `passed_over`, how many records no input takes."""

PROFILE_KEYS = {"customer": "card_id", "merchant": "terminal_id"}
"""Kinds of which a record without a value deletes the profile, and the field by which it is known."""

KNOWN = (
    "Known are body, key, headers, topic and timestamp; a path begins with `$.`; a constant stands in quotes of its own: \"'EUR'\"."
)
_SCALARS = (T.StringType, T.NumericType, T.BooleanType, T.DateType, T.TimestampType, T.VariantType, T.NullType)


def mapping(raw: DataFrame, inputs: Inputs, max_bytes: int) -> DataFrame:
    """Returns the records of `raw`, Kafka's columns, with `kind`, `mapped`, `unreadable`, `element` and `foreign`.

    `kind` is what the record should be. `mapped` has a text for each field of that kind's record class, in their order, null where
    there is none; it is null itself where the value is contract JSON, absent, or cannot be read: then `unreadable` is the reason
    code. `element` is the record's place in the array that `each` names, null without, and `value` is the element's JSON then.
    `foreign` says whether the record is mapped. One that no `where` takes, and an array without elements, is passed over and
    counted. The `key` of a profile's record without a value is the field by which the profile is known, where its source needs no
    body.

    Raises:
        InvalidMapping: with the setting's name and what is wrong.
    """
    by_topic = inputs.by_topic()
    if not inputs.mapped():
        kind = _case((F.col("topic") == topic, F.lit(of_topic[0][1])) for topic, of_topic in by_topic.items())
        texts, text, number = (F.lit(None).cast(one) for one in ("array<string>", "string", "int"))
        told = {"kind": kind, "mapped": texts, "unreadable": text, "element": number, "foreign": F.lit(False)}
        return raw.select("*", *(column.alias(name) for name, column in told.items()))
    register(raw.sparkSession, inputs.card_key_file)
    sources = _Sources(raw.sparkSession, inputs)
    chosen = _case((F.col("topic") == topic, sources.choice(of_topic)) for topic, of_topic in by_topic.items())
    told = {"kind": sources.kind(), "mapped": sources.mapped(), "foreign": sources.foreign()}
    kept = [sources.kept(name).alias(name) for name in raw.columns]
    # Only now it is known what all of them want of a value.
    readable = _read(raw, inputs, max_bytes, sources.wanted)
    taken = readable.select("*", F.when(F.col("_present"), chosen).alias("_input"))
    if any(one.where or one.each for *_, one in inputs.numbered()):
        taken = taken.observe(OBSERVATION, F.count_if(F.col("_input").isNull()).alias("passed_over")).where("_input IS NOT NULL")
    return taken.select(*kept, *(column.alias(name) for name, column in told.items()), "unreadable", "element")


def _case(branches: Iterable[tuple[Column, Column]]) -> Column:
    """Returns CASE of the branches, null where none holds. What is in a branch Spark computes there alone."""
    (condition, value), *rest = branches
    found = F.when(condition, value)
    for condition, value in rest:
        found = found.when(condition, value)
    return found


def _read(raw: DataFrame, inputs: Inputs, max_bytes: int, wanted: Any) -> DataFrame:
    """Returns the columns of `raw` under names that begin with `_`, what is wanted of the body, and what else may be named.

    `_present` is false of an array without elements.
    """
    kernel: Any = raw.sparkSession.sparkContext._jvm.frauddetection.mapping  # type: ignore[union-attr]
    plan = json.dumps(inputs.plan(max_bytes))
    several = any(one.each for *_, one in inputs.mapped())
    bodies = kernel.Bodies.columnOfEach if several else kernel.Bodies.column
    try:
        body = Column(bodies(F.col("topic")._jc, F.col("value")._jc, plan, wanted))
    except (Py4JJavaError, IllegalArgumentException) as error:
        why = str(error).strip().splitlines()[-1 if isinstance(error, IllegalArgumentException) else 0]
        raise InvalidMapping(f"A `schema_file` or `each` under `input` cannot be used: {why}", "Check both.") from None
    read = raw.select(*(F.col(name).alias(f"_{name}") for name in raw.columns), body.alias("_read"))
    if several:
        read = read.select(*(f"_{name}" for name in raw.columns), F.explode_outer("_read").alias("_read"))
    return read.select(
        *(f"_{name}" for name in raw.columns),
        "_read.*",
        F.col("_read").isNotNull().alias("_present"),
        F.col("_key").cast("string").alias("key"),
        Column(kernel.Functions.headersColumn(F.col("_headers")._jc)).alias("headers"),
        F.col("_topic").alias("topic"),
        F.col("_timestamp").alias("timestamp"),
    )


class _Sources:
    """The expressions of all inputs, checked, and what they want of a record's body."""

    def __init__(self, session: SparkSession, inputs: Inputs) -> None:
        self._inputs = inputs
        self._known = session.range(0).select(*(F.lit(None).cast(kind).alias(name) for name, kind in COLUMNS.items()))
        self._kernel: Any = session.sparkContext._jvm.frauddetection  # type: ignore[union-attr]
        self.wanted: Any = self._kernel.mapping.Wanted()

    def choice(self, of_topic: list[Numbered]) -> Column:
        """Returns the number of the first input that takes a record of the topic, null where none does."""
        first = of_topic[0][0]
        return _case(
            (condition, F.lit(number))
            for condition, number in [
                (F.col("unreadable").isNotNull(), first),
                *((self._takes(kind, one), number) for number, kind, one in of_topic),
            ]
        )

    def _takes(self, kind: str, one: Input) -> Column:
        if one.where is None:
            return F.lit(True)
        name = f"input.{kind}s.where"
        examined = self._examine(name, one.where)
        if not isinstance(examined.kind, T.BooleanType):
            raise InvalidMapping(f"`{name}` does not answer with yes or no", "Compare it with something.")
        deletes = F.col("_value").isNull() if kind in PROFILE_KEYS else F.lit(False)
        return deletes | F.coalesce(self._attempt(self._column(examined)), F.lit(False))

    def kind(self) -> Column:
        """Returns what kind of record it should be."""
        return _case((F.col("_input") == number, F.lit(kind)) for number, kind, _ in self._inputs.numbered())

    def foreign(self) -> Column:
        """Returns whether the record is mapped."""
        return F.col("_input").isin([number for number, *_ in self._inputs.mapped()])

    def kept(self, name: str) -> Column:
        """Returns a column of Kafka's: the value is an element's where there is one, the key that of a deleted profile."""
        column = F.col(f"_{name}")
        if name == "value":
            return F.coalesce("json", column)
        keys = list(self._profile_keys()) if name == "key" else []
        deleted = ((F.col("_value").isNull() & (F.col("_input") == number), found) for number, found in keys)
        return _case(deleted).otherwise(column) if keys else column

    def _profile_keys(self) -> Iterator[tuple[int, Column]]:
        for number, kind, one in self._inputs.mapped():
            if kind in PROFILE_KEYS and one.fields is not None and not _is_path(one.fields[PROFILE_KEYS[kind]]):
                known_by = self._text(f"input.{kind}s.fields.{PROFILE_KEYS[kind]}", one.fields[PROFILE_KEYS[kind]])
                yield number, F.coalesce(known_by.cast("binary"), F.col("_key"))

    def mapped(self) -> Column:
        """Returns the texts of the record's fields."""
        found = F.col("texts").isNotNull()
        return _case((found & (F.col("_input") == number), self._texts(kind, one)) for number, kind, one in self._inputs.mapped())

    def _texts(self, kind: str, one: Input) -> Column:
        given = one.fields or {}
        texts = [
            self._text(f"input.{kind}s.fields.{field.name}", given[field.name]) if field.name in given else F.lit(None)
            for field in fields_of(KINDS[kind])
        ]
        return F.array(*texts).cast("array<string>")

    def _text(self, name: str, source: str) -> Column:
        """Returns what the source gives as text, times as the contract has them; null where it fails."""
        if _is_path(source):
            wrong = self._kernel.mapping.Wanted.refusal(source)
            if wrong:
                raise InvalidMapping(f"`{name}` is {wrong}", "Write the path of a value, or Spark SQL.")
            return Column(self.wanted.text(source))
        examined = self._examine(name, source)
        if not isinstance(examined.kind, _SCALARS):
            raise InvalidMapping(
                f"`{name}` gives a {examined.kind.simpleString()}, not one value with a text", "Take one value out of it."
            )
        value = self._column(examined)
        if isinstance(examined.kind, T.TimestampType):
            value = F.date_format(value, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
        return self._attempt(value.cast("string"))

    def _examine(self, name: str, source: str) -> Examined:
        advice = {
            LooksFurther: "A record is mapped by itself.",
            NotRepeatable: "Kafka's time of the record is `timestamp`.",
            FillsMemory: SHORTER,
        }
        try:
            return examine(source, self._known, "one record")
        except Refused as refused:
            raise InvalidMapping(f"`{name}` {refused.what}", advice.get(type(refused), KNOWN)) from None

    def _column(self, examined: Examined) -> Column:
        return Column(self.wanted.expression(examined.tree))

    def _attempt(self, value: Column) -> Column:
        """Returns the value, null where its computation throws.

        Right in a branch of CASE alone: what two have in common Spark would else compute before both, where nothing catches.
        """
        return Column(self._kernel.catalyst.Calls.attempt(value._jc))


def _is_path(source: str) -> bool:
    return source.startswith("$")
