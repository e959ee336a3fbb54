"""Settings of the notifier. `python -m notifier --help` lists them."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from configuration import Duration, KafkaConnection, PostgresConnection, Settings, TopicNames
from configuration.serving import Serving

ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""It stands in logs, metrics and the outbox."""
Address = Annotated[str, StringConstraints(pattern=r"^[^\s@<>]+@[^\s@<>]+$")]
"""Of e-mail, without a name."""
TIMEOUT = timedelta(seconds=10)


class Part(BaseModel):
    """A nested group of settings: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Channel(Part):
    """What every channel has."""

    group: Duration = Field(
        timedelta(minutes=5),
        ge=timedelta(0),
        description="After a message about a card, further alerts of this card are gathered so long, and are one message then; 0s: "
        "each alert is a message",
    )
    max_per_minute: int = Field(
        10,
        ge=1,
        le=60_000,
        description="So many messages a minute; what is above is gathered into one message as soon as there may be one",
    )


class EmailSettings(Channel):
    """E-mail to people, through an SMTP server. Each try of a message has the same Message-ID."""

    type: Literal["email"] = "email"
    host: str = Field(min_length=1, description="Host name of the SMTP server")
    port: int | None = Field(None, ge=1, le=65_535, description="Port; null: 587 with starttls, 465 with tls, 25 with none")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is encrypted; none: not at all, for a server on the same machine"
    )
    username: str | None = Field(None, min_length=1, description="User name; null: the server asks for none")
    password_file: Path | None = Field(None, description="File that holds the password and nothing else")
    sender: Address = Field(description="Address in From")
    recipients: list[Address] = Field(min_length=1, description="Addresses in To")
    timeout: Duration = Field(TIMEOUT, ge=timedelta(seconds=1), description="How long the server may take for each answer")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together: set both or neither")
        if self.username is not None and self.security == "none":
            raise ValueError("with security none the password would travel in plain text: use starttls or tls")
        return self


class ServiceSettings(Channel):
    """Any service that Apprise knows: Slack, Teams, PagerDuty, SMS and a hundred others, but e-mail."""

    type: Literal["service"] = "service"
    url_file: Path = Field(description="File that holds the service's URL as Apprise has it, and nothing else: it is a secret")
    timeout: Duration = Field(TIMEOUT, ge=timedelta(seconds=1), description="How long the service may take for each answer")


class WebhookSettings(Channel):
    """A signed POST to a program, by the rules of Standard Webhooks. Each alert is a message, unless `group` says otherwise."""

    type: Literal["webhook"] = "webhook"
    url_file: Path = Field(description="File that holds the URL and nothing else: many have a secret in them")
    secret_file: Path = Field(description="File that holds the secret of the signature, `whsec_` and 24 to 64 bytes in base64")
    timeout: Duration = Field(TIMEOUT, ge=timedelta(seconds=1), description="How long the receiver may take for an answer")
    group: Duration = Field(
        timedelta(0),
        ge=timedelta(0),
        description="As of other channels: after a message about a card, so long further alerts of it are gathered",
    )
    max_per_minute: int = Field(
        600,
        ge=1,
        le=60_000,
        description="So many messages a minute; what is above is gathered into one message as soon as there may be one",
    )


class MailboxSettings(Channel):
    """A folder in the form of Maildir, which mail programs read: a file a message. For a laptop, and to try routes."""

    type: Literal["mailbox"] = "mailbox"
    path: Path = Field(description="The folder")


ChannelSettings = Annotated[EmailSettings | ServiceSettings | WebhookSettings | MailboxSettings, Field(discriminator="type")]


class Route(Part):
    """An alert goes to the channels of each route all of whose conditions it meets."""

    channels: list[ChannelName] = Field(min_length=1, description="Names of channels")
    decisions: list[Literal["review", "decline"]] = Field(
        [], description="Only alerts with one of these decisions; none named: any"
    )
    rules: list[str] = Field([], description="Only alerts in which one of these rules fired; none named: any")
    min_amount: Decimal | None = Field(
        None, ge=0, description="Only alerts of this amount or more, each in its own currency, as nothing is converted"
    )
    min_score: float | None = Field(
        None, ge=0, le=1, description="Only alerts with this fraud_score or more; one without a score does not pass"
    )


class SqliteOutbox(Part):
    """A file, for one machine. It must be kept as long as the notifier is."""

    type: Literal["sqlite"] = "sqlite"
    path: Path = Field(Path("notifier.db"), description="The file; it is made where there is none")


class PostgresOutbox(PostgresConnection):
    """Tables in PostgreSQL 15 or newer, `notifier_...`, which the notifier makes."""

    type: Literal["postgres"] = "postgres"


class NotifierSettings(Settings):
    """Sends the detector's alerts to people and to machines. Each is sent at least once, whoever is away meanwhile."""

    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics; `alerts` is read")
    consumer_group: str = Field(
        "fraud-notifier", min_length=1, description="Name under which Kafka keeps the place; one notifier works in it"
    )
    outbox: Annotated[SqliteOutbox | PostgresOutbox, Field(discriminator="type")] = Field(
        SqliteOutbox(), description="Where alerts wait until they are delivered"
    )
    channels: dict[ChannelName, ChannelSettings] = Field(
        {},
        min_length=1,
        json_schema_extra={"additionalProperties": False},
        description="Where messages go, by names that are yours",
    )
    routes: list[Route] = Field([], description="Which alerts go to which channels")
    retention: Duration = Field(
        timedelta(days=30), ge=timedelta(days=1), description="How long the outbox remembers messages, delivered or not"
    )
    metrics: Serving = Field(Serving(port=8002), description="Where metrics are served")

    @model_validator(mode="after")
    def _channels_are_there(self) -> Self:
        if not self.channels:
            raise ValueError("`channels` names no channel: nobody would get alerts")
        named = {name for route in self.routes for name in route.channels}
        if unknown := sorted(named - self.channels.keys()):
            raise ValueError(f"routes name {', '.join(unknown)}, and `channels` has no such channel")
        if unused := sorted(self.channels.keys() - named):
            raise ValueError(f"no route leads to the channel {', '.join(unused)}: name it in `routes`, or leave it out")
        return self
