"""The topics' names as a settings group, so that each can be set by itself: `--topics.alerts`, `FRAUD_TOPICS__ALERTS`, YAML."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from contract import Topics


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TopicNames(Topics):
    """Names of the nine topics; no two alike."""
