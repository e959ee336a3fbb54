"""The base of nested groups of settings."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A nested group of settings: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
