"""What the laptop adds to `fraud quality`: its servers, its model store, and a lake compared with Kafka."""

from datetime import date, datetime
from typing import TYPE_CHECKING

import typer

from local import launch
from local.lake.app import settings_of

if TYPE_CHECKING:  # what reads a lake takes a second to import
    from spark_jobs.archive_settings import ArchiveSettings
    from training.lake import Lake


def on_the_laptop(context: typer.Context) -> None:
    """Data quality: whether a closed day of the lake is what it should be."""
    launch.know_s3()
    launch.know_models("FRAUD_STORE", [])
    context.obj = lambda lake, config, day, until: missing_in_lake(lake, settings_of(config, kafka=True), day, until)


def missing_in_lake(lake: "Lake", settings: "ArchiveSettings", day: date, until: datetime) -> int:
    """Returns how many of the day's records Kafka has had since `until`, and the lake has not.

    Raises:
        BrokerUnreachable, MissingTopic, NoRecords: Kafka cannot be read.
    """
    from local.lake.stores import Stores
    from local.lake.verify import Asked, compared

    with Stores() as stores:
        stores.add_lake(lake)
        known = stores.add_kafka(settings, until, lambda some, _: some)
        days = compared(stores, Asked(kafka=known, kept_from={}, both_from=date.min, until=until))
    return sum(one["missing_in_lake"] for one in days if one["day"] == day)
