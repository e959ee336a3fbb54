"""Where each kind of record comes from, and how a foreign one becomes the contract's: the settings `input`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from configuration import Duration
from contract import Customer, Label, Merchant, Topics, Transaction
from contract.fields import fields_of
from spark_jobs.parts import Part, Place

_FIELDS = "Where each field comes from: a path such as $.payload.id, or Spark SQL; null: the values are contract JSON"


@dataclass(frozen=True)
class _FieldsOf:
    """Of a mapping in the settings: its keys are fields of a record class, all required ones among them."""

    record: type

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        known = fields_of(self.record)
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {one.name: {"type": "string", "minLength": 1, "description": one.description} for one in known},
            "required": [one.name for one in known if one.required],
        }

    def _check(self, sources: dict[str, str]) -> dict[str, str]:
        wrong = "; ".join(self._mistakes(sources))
        if wrong:
            raise ValueError(wrong)
        return sources

    def _mistakes(self, sources: dict[str, str]) -> Iterator[str]:
        names = [one.name for one in fields_of(self.record)]
        for name in sources.keys() - names:
            near = get_close_matches(name, names, n=1)
            hint = f", the nearest is `{near[0]}`" if near else ""
            yield f"`{name}` is no field of a {self.record.__name__.lower()}{hint}"
        for one in fields_of(self.record):
            if one.required and not sources.get(one.name):
                yield f"`{one.name}` has no source"


class Input(Part):
    """Records of one kind from one topic."""

    topic: str | None = Field(None, min_length=1, description="Topic; null: the one that `topics` names for this kind of record")
    format: Literal["json", "avro"] = Field(
        "json", description="Form of a value: json, or avro with the schema that the registry or `schema_file` has"
    )
    schema_file: Path | None = Field(
        None, description="File with the Avro schema of all values; null: each begins with the id of its schema in `registry`"
    )
    each: str | None = Field(
        None, description="Path to an array, $ where the value is one: its elements are the records; null: the value is one record"
    )
    where: str | None = Field(
        None,
        min_length=1,
        description="Spark SQL condition: which records of the topic these are, others are passed over; null: all that are left",
    )
    fields: dict[str, str] | None = Field(None, description=_FIELDS)

    @model_validator(mode="after")
    def _mapped(self) -> Self:
        if self.fields is None:
            given = self.model_fields_set & {"format", "schema_file", "each", "where"}
            if given:
                raise ValueError(f"`{min(given)}` needs `fields`: without them the values are contract JSON")
        if self.schema_file is not None and self.format != "avro":
            raise ValueError("`schema_file` is of Avro: set `format: avro`")
        return self

    @property
    def form(self) -> tuple[Any, ...]:
        """What the inputs of one topic have in common."""
        return self.format, self.schema_file, self.each


class TransactionInput(Input):
    """Transactions from one topic."""

    fields: Annotated[dict[str, str], _FieldsOf(Transaction)] | None = Field(None, description=_FIELDS)


class LabelInput(Input):
    """Labels from one topic."""

    fields: Annotated[dict[str, str], _FieldsOf(Label)] | None = Field(None, description=_FIELDS)


class CustomerInput(Input):
    """Profiles of customers from one topic."""

    fields: Annotated[dict[str, str], _FieldsOf(Customer)] | None = Field(None, description=_FIELDS)


class MerchantInput(Input):
    """Profiles of merchants from one topic."""

    fields: Annotated[dict[str, str], _FieldsOf(Merchant)] | None = Field(None, description=_FIELDS)


class _OneOrMore:
    """Of a list in the settings: one item may stand for a list of one."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        listed = handler(schema)
        return {"anyOf": [listed["items"], listed]}


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


_Kind = TypeVar("_Kind")
OneOrMore = Annotated[tuple[_Kind, ...], BeforeValidator(_listed), _OneOrMore()]


class SchemaRegistry(Part):
    """The registry that has the schemas of Avro values, one with Confluent's interface. Secrets are files, by path."""

    url: str = Field(pattern="^https?://", description="URL of the interface, such as https://registry:8081")
    username: str | None = Field(None, description="User name of basic authentication")
    password_file: Path | None = Field(None, description="File that holds its password and nothing else")
    ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign the registry's certificate; null: those of Java"
    )
    certificate_file: Path | None = Field(None, description="PEM file with this client's certificate chain")
    key_file: Path | None = Field(None, description="PEM file with this client's private key, PKCS#8")
    wait: Duration = Field(
        timedelta(seconds=10),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="How long an unknown schema is waited for while the registry is away; then its records are rejected",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: set both or neither")
        if "@" in urlsplit(self.url).netloc:
            raise ValueError("a name or password in `url` would be seen in logs: use username and password_file")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together: set both or neither")
        return self


class Files(Part):
    """A folder of files with payments. What is in a file is sent to a topic once, and read from there like all else."""

    folder: Place = Field(
        description="Folder, or s3a://bucket/folder, of files that end in .jsonl, .ndjson, .json, .csv or .parquet"
    )
    topic: str | None = Field(
        None, min_length=1, description="Topic of transactions that takes what is in them; null: the first of `input.transactions`"
    )


class InputSettings(Part):
    """Where records come from. Without any of it: contract JSON, from the topics that `topics` names."""

    transactions: OneOrMore[TransactionInput] = Field((), description="Where transactions come from: one input, or a list")
    labels: OneOrMore[LabelInput] = Field((), description="Where labels come from")
    customers: OneOrMore[CustomerInput] = Field((), description="Where profiles of customers come from")
    merchants: OneOrMore[MerchantInput] = Field((), description="Where profiles of merchants come from")
    registry: SchemaRegistry | None = Field(None, description="The schema registry of Avro values")
    card_key_file: Path | None = Field(
        None, description="File with the key of token_of, 32 bytes or more: who has it can find out all card numbers"
    )
    files: Files | None = Field(
        None, description="Files whose payments are scored once each, by a detector whose trigger is availableNow; null: none"
    )

    def by_kind(self, topics: Topics) -> dict[str, tuple[Input, ...]]:
        """Returns the inputs of each kind of record, with their topics.

        Raises:
            ValueError: they contradict each other, or `topics`.
        """
        asked: dict[str, tuple[tuple[Input, ...], str]] = {
            "transaction": (self.transactions or (TransactionInput(),), topics.transactions),
            "label": (self.labels or (LabelInput(),), topics.labels),
            "customer": (self.customers or (CustomerInput(),), topics.customers),
            "merchant": (self.merchants or (MerchantInput(),), topics.merchants),
        }
        found = {
            kind: tuple(one.model_copy(update={"topic": one.topic or default}) for one in inputs)
            for kind, (inputs, default) in asked.items()
        }
        self._check([one for inputs in found.values() for one in inputs], topics)
        return found

    def topic_of_files(self, topics: Topics) -> str | None:
        """Returns the topic that takes what is in files; None where none are asked for.

        Raises:
            ValueError: no transactions are read from it, or it is one of Avro.
        """
        if self.files is None:
            return None
        inputs = self.by_kind(topics)["transaction"]
        topic = self.files.topic or inputs[0].topic
        form = {one.format for one in inputs if one.topic == topic}
        if not form:
            raise ValueError(f"`input.files.topic` is {topic}, and no input of transactions reads it")
        if form == {"avro"}:
            raise ValueError(f"what is in files is sent as JSON, and the topic {topic} is read as Avro: set `input.files.topic`")
        return topic

    def _check(self, inputs: list[Input], topics: Topics) -> None:
        for topic in {one.topic for one in inputs}:
            alike = [one for one in inputs if one.topic == topic]
            if topic in topics.outputs():
                raise ValueError(f"the detector writes to the topic {topic}, and cannot read its records from it")
            if len(alike) > 1 and any(one.fields is None for one in alike):
                raise ValueError(f"the topic {topic} is read twice: then each of its inputs needs `fields`")
            if any(one.where is None for one in alike[:-1]):
                raise ValueError(f"the topic {topic} is read more than once: all its inputs but the last need `where`")
            if any(one.form != alike[0].form for one in alike):
                raise ValueError(f"all inputs of the topic {topic} need the same `format`, `schema_file` and `each`")
        if self.registry is None and any(one.format == "avro" and one.schema_file is None for one in inputs):
            raise ValueError("`format: avro` needs `registry`, or a `schema_file`")


def topics_of(inputs: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """Returns the names of the topics that are read, each once, those of transactions first."""
    return tuple(dict.fromkeys(str(one.topic) for of_kind in inputs.values() for one in of_kind))
