"""Settings of the producer's two programs. `python -m producer run --help` lists them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from configuration import Duration, KafkaConnection, Settings, TopicNames
from producer.campaigns import CAMPAIGNS
from producer.labels import Distribution
from producer.traffic import BaseRate, Kind

LIVE_RATE = 100.0


class TopicSettings(Settings):
    """Creates the topics that are missing, and leaves those that exist as they are."""

    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics")
    partitions: int = Field(
        2, ge=1, description="Partitions of each topic that is created; customers, merchants and rejected records always have one"
    )


class TrafficSettings(Settings):
    """What both programs make."""

    traffic: Kind = Field("normal", description="normal: the Handbook's customers; hacker: attacks; all: both")
    base_rate: BaseRate = Field(
        "0.84", description="Share of fraud in percent; only 0.84 with normal traffic is the Handbook's world"
    )
    campaigns: dict[str, float] = Field(
        dict.fromkeys(CAMPAIGNS, 1.0),
        description=f"Relative share of each attack in the frauds; one that is not named has none: {', '.join(CAMPAIGNS)}",
    )
    seed: int = Field(0, ge=0, description="Seed of everything but the Handbook's own numbers, which never change")
    start: datetime = Field(
        datetime(2018, 4, 1, tzinfo=UTC),
        description="First day of the simulated world (UTC). A live run ignores it: its payments are made now",
    )
    label_delay: Duration = Field(
        timedelta(days=7), description="Time from a payment to its label; with lognormal, the median of that time"
    )
    label_delay_distribution: Distribution = Field(
        "fixed", description="fixed: every label takes label-delay; lognormal: it varies around that"
    )
    label_never_reported: float = Field(0.0, ge=0, le=1, description="Share of frauds that get no label")
    inline_labels: bool = Field(False, description="Put is_fraud into the transactions too: for demos only")

    @field_validator("start")
    @classmethod
    def _midnight(cls, start: datetime) -> datetime:
        at = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
        if at != at.replace(hour=0, minute=0, second=0, microsecond=0):
            raise ValueError("a day begins at midnight UTC: 2018-04-01")
        return at

    @field_validator("campaigns")
    @classmethod
    def _known(cls, shares: dict[str, float]) -> dict[str, float]:
        if unknown := shares.keys() - CAMPAIGNS.keys():
            raise ValueError(f"unknown attack {', '.join(sorted(unknown))}; known are {', '.join(CAMPAIGNS)}")
        if min(shares.values(), default=0) < 0 or sum(shares.values()) <= 0:
            raise ValueError("shares must not be negative, and one of them must be positive")
        return shares


class RunSettings(TrafficSettings):
    """Sends believable card traffic to Kafka: customers and merchants first, then transactions, and labels when they are due."""

    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics")
    create_topics: bool = Field(False, description="Create the topics that are missing")
    partitions: int = Field(
        2, ge=1, description="Partitions of each topic that is created; customers, merchants and rejected records always have one"
    )
    clock: Literal["live", "replay"] = Field(
        "live", description="live: event_time is now; replay: event_time is the simulated world's, from `start` on"
    )
    speed: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["max"] = Field(
        "max", description="Speed of a replay: simulated seconds in a second, or max"
    )
    backfill: Duration = Field(timedelta(0), description="Send this much history first, as fast as possible, such as 14d")
    rate: float | None = Field(
        None,
        gt=0,
        description=f"Transactions a second: the pace of a live run (default {LIVE_RATE:g}), an upper limit for a replay",
    )
    days: int | None = Field(
        None, ge=1, description="Length of the simulated world; the Handbook's has 183 days; null: it never ends"
    )
    count: int | None = Field(None, ge=1, description="Stop after so many transactions, not counting the backfill")
    duration: Duration | None = Field(None, description="Stop after this time, such as 60s, not counting the backfill")
    ledger: Path | None = Field(None, description="File to which each transaction_id is appended once Kafka has acknowledged it")
    json_summary: bool = Field(False, alias="json", description="Print the summary as JSON on standard output")


class DatasetSettings(TrafficSettings):
    """Writes the same traffic to Parquet: transactions, labels, customers, merchants."""

    out: Path = Field(description="Folder to write to; it must not hold a data set already")
    days: int = Field(183, ge=1, description="Days of traffic; the Handbook has 183")
    rows: int | None = Field(None, ge=1, description="Stop after so many transactions")
    json_summary: bool = Field(False, alias="json", description="Print the summary as JSON on standard output")
