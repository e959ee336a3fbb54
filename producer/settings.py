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
    partitions: int = Field(2, ge=1, description="Of the topics that are created, profiles apart")


class TrafficSettings(Settings):
    """What both programs make."""

    traffic: Kind = Field("normal", description="normal: the Handbook's customers; hacker: attacks; all: both")
    base_rate: BaseRate = Field("0.84", description="Share of fraud, percent; 0.84 with normal traffic is the Handbook exactly")
    campaigns: dict[str, float] = Field(
        dict.fromkeys(CAMPAIGNS, 1.0), description=f"Relative share of frauds of each attack: {', '.join(CAMPAIGNS)}"
    )
    seed: int = Field(0, ge=0, description="Of everything but the Handbook's own numbers")
    start: datetime = Field(datetime(2018, 4, 1, tzinfo=UTC), description="First day (UTC); a live run begins today instead")
    label_delay: Duration = Field(timedelta(days=7), description="Time from a payment to its label; the median where lognormal")
    label_delay_distribution: Distribution = Field("fixed", description="fixed or lognormal")
    label_never_reported: float = Field(0.0, ge=0, le=1, description="Share of frauds that get no label")
    inline_labels: bool = Field(False, description="Put is_fraud into the transactions: for demos only")

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
    partitions: int = Field(2, ge=1, description="Of the topics that are created, profiles apart")
    clock: Literal["live", "replay"] = Field(
        "live", description="live: event_time is now; replay: event_time is the simulated world's, from `start` on"
    )
    speed: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["max"] = Field(
        "max", description="Of a replay: simulated seconds a second, or max"
    )
    backfill: Duration = Field(timedelta(0), description="Send this much history first, as fast as it goes: 14d")
    rate: float | None = Field(
        None, gt=0, description=f"Events a second: sets the pace of live (default {LIVE_RATE:g}), caps that of a replay"
    )
    days: int | None = Field(None, ge=1, description="Days of the simulated world; 183 is the Handbook's; it never ends by default")
    count: int | None = Field(None, ge=1, description="Stop after so many transactions, backfill not counted")
    duration: Duration | None = Field(None, description="Stop after this time: 60s; backfill not counted")
    ledger: Path | None = Field(None, description="File to which each transaction_id is appended once Kafka has it")
    json_summary: bool = Field(False, alias="json", description="Print the summary as JSON on standard output")


class DatasetSettings(TrafficSettings):
    """Writes the same traffic to Parquet: transactions, labels, customers, merchants."""

    out: Path = Field(description="Folder to write to; it must not hold a data set already")
    days: int = Field(183, ge=1, description="Days of traffic; 183 is the Handbook's")
    rows: int | None = Field(None, ge=1, description="Stop after so many transactions")
    json_summary: bool = Field(False, alias="json", description="Print the summary as JSON on standard output")
