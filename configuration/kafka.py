"""How to reach Kafka: one class for the Python clients (librdkafka) and for Spark (the Java client)."""

import errno
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PASSWORD_FILES = "frauddetection.kafka.PasswordFiles"  # noqa: S105 a class
"""The kernel's own: Kafka's puts a line's end or a quote into the configuration as it is."""
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


class KafkaConnection(BaseModel):
    """Address and identity. Secrets are files, by path: no password and no key is ever a value of a setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap_servers: str = Field("127.0.0.1:9092", description="Comma-separated host:port of the brokers")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field(
        "PLAINTEXT",
        description="How the brokers are reached: in plain text; SSL, by certificates; SASL_SSL, with user and password",
    )
    ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign the brokers' certificates (SSL, SASL_SSL)"
    )
    certificate_file: Path | None = Field(None, description="PEM file with this client's certificate chain (SSL)")
    key_file: Path | None = Field(None, description="PEM file with this client's private key, PKCS#8 (SSL)")
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="How user and password are proved (SASL_SSL)"
    )
    sasl_username: str | None = Field(None, description="User name (SASL_SSL)")
    sasl_password_file: Path | None = Field(
        None, description="File that holds the password, and perhaps a line's end behind it (SASL_SSL)"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: set both or neither")
        if self.security_protocol == "SASL_SSL" and not (self.sasl_username and self.sasl_password_file):
            raise ValueError("SASL_SSL needs sasl_username and sasl_password_file")
        if self.sasl_username and not self.sasl_username.isprintable():
            raise ValueError("sasl_username has a character that cannot be printed")
        return self

    def librdkafka(self) -> dict[str, str]:
        """Returns the settings of a confluent-kafka client. The password is read here.

        Raises:
            OSError: the password file cannot be read, or holds no password.
        """
        found = {"bootstrap.servers": self.bootstrap_servers, "security.protocol": self.security_protocol}
        for name, path in (
            ("ssl.ca.location", self.ca_file),
            ("ssl.certificate.location", self.certificate_file),
            ("ssl.key.location", self.key_file),
        ):
            if path is not None:
                found[name] = str(path)
        if self.security_protocol == "SASL_SSL" and self.sasl_username and self.sasl_password_file:
            found["sasl.mechanism"] = self.sasl_mechanism
            found["sasl.username"] = self.sasl_username
            found["sasl.password"] = _password(self.sasl_password_file)
        return found

    def java(self) -> dict[str, str]:
        """Returns the settings of a Java client, free of secrets: the client itself reads the files (`${dir:folder:file}`).

        A Spark option is seen in plans, in the UI and in event logs, so no secret may stand in one.
        """
        found = {"bootstrap.servers": self.bootstrap_servers, "security.protocol": self.security_protocol}
        secrets = [
            path for path in (self.ca_file, self.certificate_file, self.key_file, self.sasl_password_file) if path is not None
        ]
        if not secrets:
            return found
        found["config.providers"] = "dir"
        found["config.providers.dir.class"] = "org.apache.kafka.common.config.provider.DirectoryConfigProvider"
        found["config.providers.dir.param.allowed.paths"] = ",".join(sorted({str(path.absolute().parent) for path in secrets}))
        if self.ca_file:
            found["ssl.truststore.type"] = "PEM"
            found["ssl.truststore.certificates"] = _file(self.ca_file)
        if self.certificate_file and self.key_file:
            found["ssl.keystore.type"] = "PEM"
            found["ssl.keystore.certificate.chain"] = _file(self.certificate_file)
            found["ssl.keystore.key"] = _file(self.key_file)
        if self.security_protocol == "SASL_SSL" and self.sasl_password_file:
            module = PLAIN if self.sasl_mechanism == "PLAIN" else SCRAM
            found["sasl.mechanism"] = self.sasl_mechanism
            found["config.providers"] = "dir,password"
            found["config.providers.password.class"] = PASSWORD_FILES
            user = (self.sasl_username or "").replace("\\", r"\\").replace('"', r"\"")
            password = _file(self.sasl_password_file, "password")
            found["sasl.jaas.config"] = f'{module} required username="{user}" password="{password}";'
        return found


def _password(file: Path) -> str:
    """Returns what both clients take for the password: all but the line's end behind it (kernel: PasswordFiles.java).

    Raises:
        OSError: the file cannot be read, or what it holds is no password that both could read alike.
    """
    try:
        found = file.read_bytes().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "it is not UTF-8", str(file)) from None
    if not found or "\0" in found or found != found.strip():  # librdkafka takes blanks at the ends away
        wrong = "it has a zero byte" if "\0" in found else "it has blanks at an end" if found.strip() else "it is empty"
        raise OSError(errno.EINVAL, wrong, str(file))
    return found


def _file(path: Path, provider: str = "dir") -> str:
    return f"${{{provider}:{path.absolute().parent}:{path.name}}}"
