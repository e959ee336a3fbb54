"""Where records come from, as `mapping` is told."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Input(Protocol):
    """Records of one kind from one topic, as the settings have it."""

    @property
    def topic(self) -> str | None:
        """Name of the topic."""

    @property
    def format(self) -> str:
        """Form of a value: json or avro."""

    @property
    def schema_file(self) -> Path | None:
        """File with the Avro schema of all values; None: each says which."""

    @property
    def each(self) -> str | None:
        """Path to an array of records in one value."""

    @property
    def where(self) -> str | None:
        """Condition, Spark SQL."""

    @property
    def fields(self) -> dict[str, str] | None:
        """Path or Spark SQL by contract field; None: the values are contract JSON."""


Numbered = tuple[int, str, Input]
"""An input, its place among all, and its kind."""


class Registry(NamedTuple):
    """Where the schemas of Avro values are (kernel: Registry.java); secrets by path."""

    url: str
    username: str | None
    password_file: str | None
    ca_file: str | None
    certificate_file: str | None
    key_file: str | None
    wait_ms: int

    def address(self) -> dict[str, Any]:
        """Returns it as the kernel has it."""
        return {
            "url": self.url.rstrip("/"),
            "username": self.username,
            "passwordFile": self.password_file,
            "caFile": self.ca_file,
            "certificateFile": self.certificate_file,
            "keyFile": self.key_file,
            "waitMillis": self.wait_ms,
        }


class Inputs(NamedTuple):
    """Where all records come from."""

    by_kind: Mapping[str, Sequence[Input]]
    registry: Registry | None = None
    card_key_file: str | None = None

    def numbered(self) -> list[Numbered]:
        """Returns every input with its kind, in order."""
        pairs = ((kind, one) for kind, inputs in self.by_kind.items() for one in inputs)
        return [(number, kind, one) for number, (kind, one) in enumerate(pairs)]

    def mapped(self) -> list[Numbered]:
        """Returns those whose values are not contract JSON."""
        return [(number, kind, one) for number, kind, one in self.numbered() if one.fields is not None]

    def by_topic(self) -> dict[str, list[Numbered]]:
        """Returns the inputs of each topic."""
        found: dict[str, list[Numbered]] = {}
        for one in self.numbered():
            found.setdefault(str(one[2].topic), []).append(one)
        return found

    def plan(self, max_bytes: int) -> dict[str, Any]:
        """Returns what the kernel is told (kernel: BodyPlan.java). Files with schemas are read here.

        Raises:
            OSError: one cannot be read.
        """
        topics = {}
        for *_, one in self.mapped():
            schema = one.schema_file.read_text() if one.schema_file else None
            topics[str(one.topic)] = {"avro": one.format == "avro", "schema": schema, "each": one.each}
        return {"maxBytes": max_bytes, "topics": topics, "registry": self.registry and self.registry.address()}
