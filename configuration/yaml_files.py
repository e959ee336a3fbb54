"""YAML that people write."""

from typing import Any

import yaml


class NamedTwice(yaml.MarkedYAMLError):
    """A name stands twice in one mapping."""


class UniqueNames(yaml.SafeLoader):
    """Safe YAML in which no name stands twice in one mapping: the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Returns the mapping.

        Raises:
            NamedTwice: with the name and its place.
        """
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise NamedTwice(problem=f"`{key.value}` stands there twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def load(text: str) -> Any:
    """Returns what the text holds.

    Raises:
        yaml.YAMLError: it is not YAML; NamedTwice where a name stands twice in one mapping.
    """
    return yaml.load(text, UniqueNames)  # noqa: S506 a safe loader
