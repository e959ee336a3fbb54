"""What the chart takes from the code: values.schema.json and files/topics.yaml. `python -m charts.derived` writes both anew.

A key's description is its comment in values.yaml, its type that of its default; what a default cannot say stands in `LIMITS`. The
settings under a `config:` are those of the program's own settings class, less what the chart writes into its file itself.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from configuration.durations import PATTERN, text
from contract import Topics
from notifier.settings import NotifierSettings
from producer.settings import RunSettings
from spark_jobs.archive_settings import ArchiveSettings
from spark_jobs.settings import DetectorSettings
from training.train_settings import TrainSettings

Json = dict[str, Any]

CHART = Path(__file__).parent / "fraud-detection"
SCHEMA = CHART / "values.schema.json"
TOPICS = CHART / "files" / "topics.yaml"

STRINGS: Json = {"type": "object", "additionalProperties": {"type": "string"}}
CPU = {"pattern": r"^[0-9]+m$|^[0-9]+(\.[0-9]+)?$"}
MEMORY = {"pattern": "^[1-9][0-9]*(Mi|Gi)$"}
SCHEDULE_OR_NONE = {"pattern": r"^((@(hourly|daily|weekly|monthly|yearly)|\S+( \S+){4}))?$"}
VOLUME = {"pattern": "^[1-9][0-9]*(Mi|Gi|Ti)$"}
OBJECTS: Json = {"items": {"type": "object"}}
PORTS: Json = {"items": {"type": "integer", "minimum": 1, "maximum": 65535}}
COMPONENTS = (
    "driver",
    "executor",
    "trainer",
    "models",
    "archiver",
    "maintenance",
    "watcher",
    "notifier",
    "producer",
    "topics",
    "test",
)
"""Whose pods `pods` speaks of: the names that the templates give to fraud.podTemplate."""
BROKER = r"([^,:\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]+"
IMAGE: dict[str, Json] = {
    "repository": {"minLength": 1},
    "digest": {"pattern": "^(sha256:[0-9a-f]{64})?$"},
    "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
}
USER: Json = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "secret": {"type": "string", "description": "Secret with certificate and key, or with the password"},
        "name": {"type": "string", "description": "User name, for SASL_SSL"},
    },
}
PRODUCER: Json = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "config": {"$ref": "#/$defs/ProducerConfig"},
        "cpu": {"type": "string", "description": "CPU that is reserved; 100m by default", **CPU},
        "memory": {"type": "string", "description": "Memory of the pod; 512Mi by default", **MEMORY},
    },
}
LIMITS: dict[str, Json] = {
    "runtime": {"enum": ["kubeflow", "apache", "ilum", "none"]},
    **{f"images.{image}.{key}": limit for image in ("spark", "producer", "trainer") for key, limit in IMAGE.items()},
    "pod.nodeSelector": STRINGS,
    "pod.tolerations": OBJECTS,
    "pod.affinity": {
        "additionalProperties": False,
        "properties": {kind: {"type": "object"} for kind in ("nodeAffinity", "podAffinity", "podAntiAffinity")},
    },
    "pod.topologySpreadConstraints": OBJECTS,
    "pod.labels": STRINGS,
    "pod.annotations": STRINGS,
    "pod.cpuLimit": {"pattern": rf"^$|{CPU['pattern']}"},
    "pod.ephemeralStorage": {"pattern": rf"^$|{VOLUME['pattern']}"},
    "pod.env": {"items": {"type": "object", "required": ["name"]}},
    "pod.volumes": OBJECTS,
    "pod.volumeMounts": OBJECTS,
    "pods": {"propertyNames": {"enum": list(COMPONENTS)}, "additionalProperties": {"$ref": "#/$defs/Pod"}},
    "kafka.bootstrapServers": {"pattern": f"^({BROKER}(,{BROKER})*)?$"},
    "kafka.securityProtocol": {"enum": ["PLAINTEXT", "SSL", "SASL_SSL"]},
    "kafka.saslMechanism": {"enum": ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]},
    "kafka.users": {
        "additionalProperties": False,
        "properties": dict.fromkeys(("detector", "archiver", "trainer", "producer", "watcher", "notifier", "topics", "test"), USER),
    },
    "kafka.strimzi.cpu": CPU,
    "kafka.strimzi.memory": MEMORY,
    "kafka.strimzi.storage": VOLUME,
    "detector.config": {"$ref": "#/$defs/DetectorConfig"},
    "detector.driver.cpu": CPU,
    "detector.driver.memory": MEMORY,
    "detector.executor.cpu": CPU,
    "detector.executor.memory": MEMORY,
    "detector.executor.stateDisk": VOLUME,
    "detector.checkpoint.url": {"pattern": "^(s3a://.+)?$"},
    "detector.checkpoint.folder": {"pattern": "^[A-Za-z0-9_-]+$"},
    "detector.checkpoint.size": VOLUME,
    "detector.checkpoint.accessMode": {"enum": ["ReadWriteOnce", "ReadWriteMany"]},
    "detector.sparkConf": {**STRINGS, "propertyNames": {"pattern": r"^spark\."}},
    "detector.serviceAccountAnnotations": STRINGS,
    "models.store": {"pattern": "^(none|volume|s3a://.+)$"},
    "models.volume.size": VOLUME,
    "models.volume.accessMode": {"enum": ["ReadWriteOnce", "ReadWriteMany"]},
    "trainer.schedule": {"pattern": r"^(@(hourly|daily|weekly|monthly|yearly)|\S+( \S+){4})$"},
    "trainer.config": {"$ref": "#/$defs/TrainerConfig"},
    "trainer.cpu": CPU,
    "trainer.memory": MEMORY,
    "trainer.disk": VOLUME,
    "trainer.serviceAccountAnnotations": STRINGS,
    "trainer.airflow.params": {
        "additionalProperties": False,
        "properties": {
            "approval": {"type": "boolean", "description": "Ask a person before a model is promoted"},
            "challenge_days": {"type": "integer", "minimum": 0, "description": "Days that it first scores beside the champion"},
            "rules": {"type": ["string", "null"], "description": "File with the rules to try; null: none"},
            "watch": {"type": ["string", "null"], "description": "How long a promotion is watched; null: not at all"},
        },
    },
    "watcher.cpu": CPU,
    "watcher.memory": MEMORY,
    "archive.schedule": SCHEDULE_OR_NONE,
    "notifier.config": {"$ref": "#/$defs/NotifierConfig"},
    "notifier.ports": {"items": {"type": "integer", "minimum": 1, "maximum": 65_535}},
    "notifier.cpu": CPU,
    "notifier.memory": MEMORY,
    "archive.config": {"$ref": "#/$defs/ArchiveConfig"},
    "archive.checkpoint.url": {"pattern": "^(s3a://.+)?$"},
    "archive.checkpoint.size": VOLUME,
    "archive.cpu": CPU,
    "archive.memory": MEMORY,
    "archive.disk": VOLUME,
    "archive.serviceAccountAnnotations": STRINGS,
    "archive.maintenance.schedule": SCHEDULE_OR_NONE,
    "archive.maintenance.keep": {"pattern": f"^{PATTERN.pattern}$"},
    "archive.maintenance.cpu": CPU,
    "archive.maintenance.memory": MEMORY,
    "producers": {"additionalProperties": PRODUCER, "propertyNames": {"pattern": "^[a-z][-a-z0-9]{0,19}$"}},
    "s3.endpoint": {"pattern": "^(https?://.+)?$"},
    "networkPolicy.dns.ports": PORTS,
    "networkPolicy.apiServer.ports": PORTS,
    "networkPolicy.s3.to": OBJECTS,
    "networkPolicy.registry.to": OBJECTS,
    "networkPolicy.metrics.from": OBJECTS,
    "networkPolicy.extraEgress": OBJECTS,
    "monitoring.podMonitor.labels": STRINGS,
    "monitoring.prometheusRule.labels": STRINGS,
    "monitoring.dashboards.labels": STRINGS,
    "test.timeout": {"pattern": f"^{PATTERN.pattern}$"},
}
OWNED = {
    "ArchiveConfig": {"kafka", "topics", "input", "limits", "checkpoint", "metrics", "s3", "spark", "log_dir"},
    "DetectorConfig": {"kafka", "topics", "checkpoint", "metrics", "log_dir", "spark", "s3"},
    "Models": {"store", "public_key_file"},
    "NotifierConfig": {"kafka", "topics", "metrics"},
    "ProducerConfig": {"kafka", "topics", "create_topics", "partitions", "json"},
    "TrainerConfig": {"kafka", "topics", "input", "limits", "store", "s3", "signing_key_file", "spark", "log_dir", "json"},
}
"""What the chart writes into a program's file, by the schema's own names of its parts."""


class _Schema(GenerateJsonSchema):
    """Defaults as people write them: 30s, not PT30S."""

    def encode_default(self, dft: Any) -> Any:
        return text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def values_schema() -> Json:
    """Returns the JSON Schema of values.yaml: closed, every key described."""
    values = (CHART / "values.yaml").read_text()
    schema = _object({**yaml.safe_load(values), "global": {}}, _descriptions(values), ())  # Helm gives every subchart a `global`
    pod, schema["properties"]["pod"] = schema["properties"]["pod"], {"$ref": "#/$defs/Pod", "description": "What all pods have"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the chart fraud-detection",
        **schema,
        "$defs": dict(sorted({**_definitions(), "Pod": pod}.items())),
    }


def topics() -> Json:
    """Returns how each topic is kept, by its key in `topics.names`: for KafkaTopics, which no Python makes."""
    keys = {name: key for key, name in asdict(Topics()).items()}
    # Two are asked for: a topic that has one all the same is never split.
    return {keys[spec.name]: {"partitioned": spec.partitions == 2, "config": dict(spec.settings)} for spec in Topics().specs(2)}


def _object(values: Json, described: dict[tuple[str, ...], str], place: tuple[str, ...]) -> Json:
    properties = {key: _property(value, described, (*place, key)) for key, value in values.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(value: Any, described: dict[tuple[str, ...], str], place: tuple[str, ...]) -> Json:
    limits = LIMITS.get(".".join(place), {})
    description = {"description": described[place]} if place in described else {}
    if "$ref" in limits:
        return {**description, **limits}
    match value:
        case dict() if value and not limits:
            return {**description, **_object(value, described, place)}
        case dict():
            return {**description, "type": "object", **limits}
        case list():
            return {**description, "type": "array", "items": {"type": "string"}, **limits}
        case bool():
            return {**description, "type": "boolean"}
        case int():
            return {**description, "type": "integer", "minimum": 1}
        case _:
            return {**description, "type": "string", **limits}


def _descriptions(values: str) -> dict[tuple[str, ...], str]:
    """Returns the `# --` comments by the keys that they stand above."""
    found: dict[tuple[str, ...], str] = {}
    place: list[str] = []
    comment: list[str] = []
    for line in values.splitlines():
        if begun := re.fullmatch(r" *# -- (.*)", line):
            comment = [begun[1]]
        elif comment and (more := re.fullmatch(r" *# (.*)", line)):
            comment.append(more[1])
        elif key := re.match(r"( *)([\w.]+):", line):
            place = [*place[: len(key[1]) // 2], key[2]]
            if comment:
                found[tuple(place)] = " ".join(comment)
            comment = []
    return found


def _definitions() -> Json:
    return {
        **_config(ArchiveSettings, "ArchiveConfig"),
        **_config(DetectorSettings, "DetectorConfig"),
        **_config(NotifierSettings, "NotifierConfig"),
        **_config(RunSettings, "ProducerConfig"),
        **_config(TrainSettings, "TrainerConfig"),
    }


def _config(settings: type[BaseModel], name: str) -> Json:
    """Returns the `$defs` of a settings class without what the chart owns."""
    schema = settings.model_json_schema(schema_generator=_Schema)
    parts: Json = schema.pop("$defs", {})
    schema["title"] = name
    found: Json = {name: _by_tag(_less_owned(schema, name))}
    wanted = _used(found[name])
    while missing := wanted - found.keys():  # a part may have parts
        found |= {part: _by_tag(_less_owned(parts[part], part)) for part in missing}
        wanted |= {used for part in missing for used in _used(found[part])}
    return found


def _used(schema: Json) -> set[str]:
    return {reference.rpartition("/")[2] for reference in _references(schema)}


def _less_owned(schema: Json, name: str) -> Json:
    kept = {key: value for key, value in schema.get("properties", {}).items() if key not in OWNED.get(name, ())}
    return {**schema, "properties": kept} if kept else schema


def _by_tag(node: Any) -> Any:
    """Returns the schema with each tagged union as if/then: its errors speak of the branch that was meant, and of no other."""
    if isinstance(node, list):
        return [_by_tag(one) for one in node]
    if not isinstance(node, dict):
        return node
    if "discriminator" not in node:
        return {key: _by_tag(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
    tag, mapping = node["discriminator"]["propertyName"], node["discriminator"]["mapping"]
    rest = {key: value for key, value in node.items() if key not in ("discriminator", "oneOf")}
    return {
        **rest,
        "type": "object",
        "required": [tag],
        "properties": {tag: {"enum": sorted(mapping)}},
        "allOf": [
            {"if": {"properties": {tag: {"const": value}}}, "then": {"$ref": reference}}
            for value, reference in sorted(mapping.items())
        ],
    }


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _references(one)


def main() -> None:
    """Writes the files."""
    SCHEMA.write_text(render_schema())
    TOPICS.write_text(render_topics())


def render_schema() -> str:
    """Returns the text of values.schema.json."""
    return json.dumps(values_schema(), indent=2) + "\n"


def render_topics() -> str:
    """Returns the text of files/topics.yaml."""
    return "# From contract/topics.py: `make chart-docs` writes it anew.\n" + yaml.safe_dump(topics(), sort_keys=False)


if __name__ == "__main__":
    main()
