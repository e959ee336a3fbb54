"""How to reach PostgreSQL."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class PostgresConnection(BaseModel):
    """Address and identity. The password is a file, by path: it is never a value of a setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("localhost", min_length=1, description="Host name")
    port: int = Field(5432, ge=1, le=65_535, description="Port")
    database: str = Field("fraud", min_length=1, description="Name of the database; its user may make tables in it")
    user: str = Field("fraud", min_length=1, description="User name")
    password_file: Path | None = Field(None, description="File that holds the password and nothing else; null: none is needed")
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="Whether the connection is encrypted and the server's certificate checked, as libpq has it"
    )
    ca_file: Path | None = Field(None, description="PEM file of the authorities that sign the server's certificate; null: libpq's")

    def libpq(self) -> dict[str, Any]:
        """Returns what libpq, and so any driver over it, takes to connect. The password's file is read anew.

        Raises:
            OSError: it cannot be read.
        """
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": None if self.password_file is None else self.password_file.read_text().strip("\n"),
            "sslmode": self.sslmode,
            "sslrootcert": None if self.ca_file is None else str(self.ca_file),
        }
