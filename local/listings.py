"""What `fraud topics` and `fraud features` list."""

from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec
from rich.console import Console
from rich.table import Table

from configuration import KafkaConnection, reach
from spark_jobs.feature_reference import described
from spark_jobs.features import FEATURE_SET


def list_features(out: Console, as_json: bool) -> None:
    """Prints all features: a table, or JSON."""
    found = [one for one in described() if one.feature]
    if as_json:
        out.print_json(data={"feature_set": FEATURE_SET, "features": [one.json() for one in found]})
        return
    table = Table("feature", "meaning", "unit", "absent where", title=f"Feature set {FEATURE_SET}")
    for one in found:
        table.add_row(one.name, one.sentence, one.unit, one.absent or "-")
    out.print(table)


def describe(connection: KafkaConnection, name: str) -> dict[str, Any]:
    """Returns `topic`, and how many `partitions` and `records` it has; 0 where there is none."""
    admin, cluster = reach(connection)
    places = [TopicPartition(name, number) for number in cluster.topics[name].partitions] if name in cluster.topics else []
    records = _sum_of_offsets(admin, places, OffsetSpec.latest()) - _sum_of_offsets(admin, places, OffsetSpec.earliest())
    return {"topic": name, "partitions": len(places), "records": records}


def _sum_of_offsets(admin: Any, places: list[TopicPartition], which: OffsetSpec) -> int:
    return sum(future.result().offset for future in admin.list_offsets(dict.fromkeys(places, which)).values()) if places else 0
