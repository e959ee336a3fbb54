"""Foreign records to the contract's fields, before `decode`: each field's text from where the settings say, or why there is none.

    value ──► body ──────► input ─────► mapped
    JSON,     VARIANT,     by topic     the text of each
    Avro      once         and `where`  contract field

All is one projection in every mode; an array of records is one `explode` more. Nothing fails on a record: what cannot be computed
is null, and `decode` says what that means. A card number goes no further than here: what a dead letter repeats has it masked.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from contract.fields import fields_of
from spark_jobs.errors import InvalidMapping
from spark_jobs.schema import KINDS
from spark_jobs.transforms.expressions import LooksFurther, NotRepeatable, Refused, examine
from spark_jobs.transforms.inputs import Input, Inputs, Numbered
from spark_jobs.transforms.mapping_functions import register

UNREADABLE: Mapping[str, str] = {
    "not_an_array": "What `each` leads to is no array",
    "not_avro": "The value is not Avro of its schema, or something follows it",
    "no_schema_registry_frame": "The value does not begin with a magic byte and the id of a schema",
    "unknown_schema": "The registry does not have the value's schema, or it is not Avro",
    "schema_registry_away": "The registry cannot be reached, and the value's schema has not been seen before",
}
"""Reason codes of values that are no foreign record, beside those that `decode` knows."""

COLUMNS = ("body", "key", "headers", "topic", "timestamp")
"""What an expression may name: the record as VARIANT, its key and headers as text, its topic, and Kafka's time."""

PROFILE_KEYS = {"customer": "card_id", "merchant": "terminal_id"}
"""Kinds of which a record without a value deletes the profile, and the field by which it is known."""

KNOWN = (
    "Known are body, key, headers, topic and timestamp; a path begins with `$.`; a constant stands in quotes of its own: \"'EUR'\"."
)
_SCALARS = (T.StringType, T.NumericType, T.BooleanType, T.DateType, T.TimestampType, T.VariantType, T.NullType)


def mapping(raw: DataFrame, inputs: Inputs, max_bytes: int) -> DataFrame:
    """Returns the records of `raw`, Kafka's columns, with `kind`, `mapped`, `unreadable` and `element`.

    `kind` is what the record should be. `mapped` has a text for each field of that kind's record class, in their order, null where
    there is none; it is null itself where the value is contract JSON, absent, or cannot be read: then `unreadable` is the reason
    code. `element` is the record's place in the array that `each` names, null without. A record that no `where` takes is passed
    over. `key` and `value` of mapped records have card numbers masked, and `value` is the element's JSON where there is `each`. The
    `key` of a profile's record without a value is the field by which the profile is known, where its source needs no body.

    Raises:
        InvalidMapping: with the setting's name and what is wrong.
    """
    by_topic = inputs.by_topic()
    if not inputs.mapped():
        kind = _case((F.col("topic") == topic, F.lit(of_topic[0][1])) for topic, of_topic in by_topic.items())
        texts, text, number = (F.lit(None).cast(one) for one in ("array<string>", "string", "int"))
        return raw.select("*", kind.alias("kind"), texts.alias("mapped"), text.alias("unreadable"), number.alias("element"))
    register(raw.sparkSession, inputs.card_key_file)
    readable = _read(raw, inputs, max_bytes)
    sources = _Sources(readable, inputs)
    chosen = readable.select(
        "*",
        _case((F.col("topic") == topic, sources.choice(of_topic)) for topic, of_topic in by_topic.items()).alias("_input"),
    )
    if any(one.where for *_, one in inputs.numbered()):
        chosen = chosen.where("_input IS NOT NULL")
    return chosen.select(
        *(sources.kept(name).alias(name) for name in raw.columns),
        _case((F.col("_input") == number, F.lit(kind)) for number, kind, _ in inputs.numbered()).alias("kind"),
        sources.mapped().alias("mapped"),
        "unreadable",
        "element",
    )


def _case(branches: Iterator[tuple[Column, Column]]) -> Column:
    """Returns CASE of the branches, null where none holds. What is in a branch Spark computes there alone."""
    (condition, value), *rest = branches
    found = F.when(condition, value)
    for condition, value in rest:
        found = found.when(condition, value)
    return found


def _read(raw: DataFrame, inputs: Inputs, max_bytes: int) -> DataFrame:
    """Returns the columns of `raw` under names that begin with `_`, the record's body, and what else an expression may name."""
    kernel: Any = raw.sparkSession.sparkContext._jvm.frauddetection.mapping  # type: ignore[union-attr]
    plan = json.dumps(inputs.plan(max_bytes))
    several = any(one.each for *_, one in inputs.mapped())
    bodies = kernel.Bodies.columnOfEach if several else kernel.Bodies.column
    try:
        body = Column(bodies(F.col("topic")._jc, F.col("value")._jc, plan))
    except (Py4JJavaError, IllegalArgumentException) as error:
        why = str(error).strip().splitlines()[-1 if isinstance(error, IllegalArgumentException) else 0]
        raise InvalidMapping(f"A `schema_file` or `each` under `input` cannot be used: {why}", "Check both.") from None
    kept = [F.col(name).alias(f"_{name}") for name in raw.columns]
    read = raw.select(*kept, body.alias("_read"))
    if several:
        read = read.select(*(f"_{name}" for name in raw.columns), F.explode("_read").alias("_read"))
    return read.select(
        *(f"_{name}" for name in raw.columns),
        "_read.*",
        F.col("_key").cast("string").alias("key"),
        Column(kernel.Functions.headersColumn(F.col("_headers")._jc)).alias("headers"),
        F.col("_topic").alias("topic"),
        F.col("_timestamp").alias("timestamp"),
    )


class _Sources:
    """The expressions of all inputs, checked, over what `_read` returns."""

    def __init__(self, readable: DataFrame, inputs: Inputs) -> None:
        self._inputs = inputs
        self._known = readable.select(*COLUMNS)
        self._kernel: Any = readable.sparkSession.sparkContext._jvm.frauddetection  # type: ignore[union-attr]

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
        if not isinstance(self._examine(name, one.where), T.BooleanType):
            raise InvalidMapping(f"`{name}` does not answer with yes or no", "Compare it with something.")
        deletes = F.col("_value").isNull() if kind in PROFILE_KEYS else F.lit(False)
        return deletes | F.coalesce(self._attempt(F.expr(one.where)), F.lit(False))

    def kept(self, name: str) -> Column:
        """Returns a column of Kafka's; for mapped records the key and the value without card numbers."""
        column = F.col(f"_{name}")
        if name not in ("key", "value"):
            return column
        without = F.coalesce("json", column) if name == "value" else column
        masked = Column(self._kernel.mapping.Functions.maskedColumn(without._jc))
        numbers = [number for number, *_ in self._inputs.mapped()]
        branches = [(F.col("_input").isin(numbers), masked)]
        if name == "key":
            branches = [
                *((F.col("_value").isNull() & (F.col("_input") == number), found) for number, found in self._profile_keys()),
                *branches,
            ]
        return _case(iter(branches)).otherwise(column)

    def _profile_keys(self) -> Iterator[tuple[int, Column]]:
        for number, kind, one in self._inputs.mapped():
            if kind in PROFILE_KEYS and one.fields is not None and not _is_path(one.fields[PROFILE_KEYS[kind]]):
                known_by = self._text(f"input.{kind}s.fields.{PROFILE_KEYS[kind]}", one.fields[PROFILE_KEYS[kind]])
                yield number, F.coalesce(known_by.cast("binary"), F.col("_key"))

    def mapped(self) -> Column:
        """Returns the texts of the record's fields."""
        found = F.col("body").isNotNull()
        return _case((found & (F.col("_input") == number), self._texts(kind, one)) for number, kind, one in self._inputs.mapped())

    def _texts(self, kind: str, one: Input) -> Column:
        sources: list[str | None] = []
        texts: list[Column] = []
        for field in fields_of(KINDS[kind]):
            source = (one.fields or {}).get(field.name)
            name = f"input.{kind}s.fields.{field.name}"
            if source is None:
                sources.append(None)
            elif _is_path(source):
                sources.append(source)
                wrong = self._kernel.mapping.Fields.refusal(source)
                if wrong:
                    raise InvalidMapping(f"`{name}` is {wrong}", "Write the path of a value, or Spark SQL.")
            else:
                sources.append("")
                texts.append(self._text(name, source))
        array = F.array(*texts).cast("array<string>")
        return Column(self._kernel.mapping.Fields.texts(F.col("body")._jc, array._jc, json.dumps(sources)))

    def _text(self, name: str, source: str) -> Column:
        """Returns what the expression gives as text, times as the contract has them; null where it fails."""
        kind = self._examine(name, source)
        if not isinstance(kind, _SCALARS):
            raise InvalidMapping(f"`{name}` gives a {kind.simpleString()}, not one value with a text", "Take one value out of it.")
        value = F.expr(source)
        if isinstance(kind, T.TimestampType):
            value = F.date_format(value, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
        elif isinstance(kind, T.VariantType):
            value = Column(self._kernel.mapping.Functions.textColumn(value._jc))
        elif not isinstance(kind, T.StringType):
            value = value.cast("string")
        return self._attempt(value)

    def _examine(self, name: str, source: str) -> T.DataType:
        advice = {LooksFurther: "A record is mapped by itself.", NotRepeatable: "Kafka's time of the record is `timestamp`."}
        try:
            return examine(source, self._known, "one record")
        except Refused as refused:
            raise InvalidMapping(f"`{name}` {refused.what}", advice.get(type(refused), KNOWN)) from None

    def _attempt(self, value: Column) -> Column:
        """Returns the value, null where its computation throws.

        Right in a branch of CASE alone: what two have in common Spark would else compute before both, where nothing catches.
        """
        return Column(self._kernel.catalyst.Calls.attempt(value._jc))


def _is_path(source: str) -> bool:
    return source.startswith("$")
