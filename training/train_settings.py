"""What `fraud train` may be told."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field

from configuration import Duration, KafkaConnection, Settings, TopicNames
from spark_jobs.features import MATURITY
from spark_jobs.input_settings import InputSettings
from spark_jobs.parts import Place
from spark_jobs.settings import S3, Limits, Spark
from training import gate, skew
from training.bundle import Instant, TrainedFamily
from training.metrics import CARDS_A_DAY

NAME = "train_model"
KAFKA = "kafka"


class TrainSettings(Settings):
    """Trains a model on labelled history, judges it on later days than it has learnt from, and saves it in the model store."""

    data: Place = Field(
        description="Folder or s3a:// URL with {transactions,labels,customers,merchants}/, as `producer dataset` and the archiver "
        "write it; "
        f"or {KAFKA}, to read the topics from the beginning"
    )
    store: Place = Field(".fraud/models", description="Model store, a folder or s3a:// URL")
    until: Instant | None = Field(
        None,
        description="Learn and judge as if it were this time, as 2026-11-24T00:00:00Z: nothing that happened or became known later "
        "is used. The same time, settings and program make the same version, once. null: all that is there, and a new version",
    )
    family: TrainedFamily = Field("xgboost", description="Kind of model; isolation_forest learns without labels")
    label_delay: Duration = Field(
        MATURITY, ge=timedelta(0), description="Time after which most labels are known; younger transactions are not used"
    )
    folds: int = Field(
        0, ge=0, le=20, description="For each of this many last weeks, also train and judge another model (prequential)"
    )
    thresholds: Literal["capacity", "cost"] = Field(
        "capacity",
        description="How the review threshold is found. capacity: as many cards as cards-per-day allows; cost: where missed "
        "frauds and reviews together cost least",
    )
    cards_per_day: float = Field(CARDS_A_DAY, gt=0, description="How many cards analysts can look at in a day")
    review_cost: float = Field(5.0, ge=0, description="Cost of looking at a card, in the amounts' currency")
    decline_precision: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Decline from the score on above which at least this share is fraud, with 95 % confidence; if no score has it, "
        "decline nothing",
    )
    promote: bool = Field(
        False, description="Make the new model champion, if the gate lets it pass: it is not worse than the champion, for one"
    )
    min_frauds: int = Field(
        gate.MIN_FRAUDS, ge=0, description="A model that was judged on fewer frauds is not promoted: the comparison would be luck"
    )
    watch: Duration | None = Field(
        None,
        ge=timedelta(minutes=1),
        description="After a promotion: compare for so long what it does to payments, and roll back what does harm; null: not",
    )
    max_skew: float = Field(
        skew.LIMIT,
        ge=0,
        le=1,
        description="From an archive: in which share of payments a feature may differ from what it was served with. Above it no "
        "model is made",
    )
    signing_key_file: Path | None = Field(
        None, description="Ed25519 private key, PEM, that signs the new model's manifest; null: it is not signed"
    )
    json_summary: bool = Field(False, alias="json", description="Print the report as JSON on standard output")
    kafka: KafkaConnection = Field(KafkaConnection(), description="The Kafka cluster")
    topics: TopicNames = Field(TopicNames(), description="Names of the topics")
    input: InputSettings = Field(InputSettings(), description="Where records come from, and how foreign ones are read")
    limits: Limits = Field(Limits(), description="Limits beyond which a record is rejected")
    s3: S3 = Field(S3(), description="How s3a:// paths are reached")
    spark: Spark = Field(Spark(conf={"spark.driver.memory": "4g"}), description="Spark itself")
    log_dir: Path | None = Field(
        Path("logs") / NAME, description=f"Folder of spark.log and {NAME}.log, with full traces; null: standard error"
    )
