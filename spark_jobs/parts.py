"""What groups of settings are made of: their base, and a place for files."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A nested group of settings: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _s3a(value: str) -> str:
    if value.startswith(("s3://", "s3n://")):
        raise ValueError("S3 is reached as s3a://bucket/folder")
    return value


Place = Annotated[str, Field(min_length=1), AfterValidator(_s3a)]
"""A folder, or s3a://bucket/folder."""
