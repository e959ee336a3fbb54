"""What a key has seen before: the one place where Python calls the kernel (kernel/, Java)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs import label_rule
from spark_jobs.aggregations import GroupBy
from spark_jobs.features import IS_PAYMENT


class Reading(NamedTuple):
    """How the kernel reads a kind of event (kernel: Input.java): what it does with it, as SQL, and the names of the fields.

    `known` is the time from which on it is known in a batch.
    """

    operation: str
    known: str
    time: str
    id: str


_PROFILE = "IF(deleted IS NULL, 1, 4)"
READINGS = {
    "customer": Reading(_PROFILE, "updated_at", "updated_at", "customer_id"),
    "merchant": Reading(_PROFILE, "updated_at", "updated_at", "merchant_id"),
    "label": Reading("2", "labelled_at", "event_time", "transaction_id"),
    "transaction": Reading(f"IF({IS_PAYMENT}, 3, 0)", "event_time", "event_time", "transaction_id"),
}


PERSON = ("name", "birth_date")


def without_persons(events: DataFrame) -> DataFrame:
    """Returns the events without what names a customer: no feature needs it, and from here on events go from pod to pod."""
    return events.withColumn("customer", F.col("customer").dropFields(*PERSON))


def in_turn(events: DataFrame, group: GroupBy) -> DataFrame:
    """Returns the events with a column by which `history` of this group takes those of a key in the order that they have here.

    For real-time mode, where the history of another key comes between: events of one card are in several of its tasks, and a later
    one may be through earlier. In a batch they are put into order by their times.
    """
    jvm: Any = events.sparkSession.sparkContext._jvm
    tasks = int(str(events.sparkSession.conf.get("spark.sql.shuffle.partitions")))
    return events.withColumn(_turn(group), Column(jvm.frauddetection.spark.Turns.apply(_key(group)._jc, tasks)))


def history(events: DataFrame, group: GroupBy) -> DataFrame:
    """Returns the events with a column named as the group: a struct of its outputs, null where there is no transaction.

    Transactions, labels and profiles that the group's plan asks for change its state, each a key's, and a profile's deletion takes
    it from there; all others pass untouched, refunds and reversals too.
    The same for a stream, with state in its checkpoint, and for a batch, where all events of a key are taken in the order of their
    arrival. The column `event` of the pair that goes to the kernel passes through it unread.
    """
    turn = [name for name in events.columns if name == _turn(group)]
    passing = F.struct(*(name for name in events.columns if name not in turn)).alias("event")
    lined_up = (F.col(name).alias("turn") for name in turn)
    framed = events.select(_key(group).alias("key"), _input(group).alias("input"), passing, *lined_up)
    session = events.sparkSession
    jvm: Any = session.sparkContext._jvm
    featured = DataFrame(jvm.frauddetection.spark.History.apply(framed._jdf, group.plan), session)
    return featured.select("event.*", F.col("history").alias(group.name))


def pages(events: DataFrame, group: GroupBy) -> DataFrame:
    """Returns the state that a batch of events leaves behind, as `checkpoint.read_state` has it: columns key, page and bytes.

    They are taken one by one as they came to Kafka, by its timestamps; those of one millisecond by their places, labels last. The
    columns `kind`, `ingest_time`, `origin`, `deleted` and those of the four kinds are asked for, as `transforms.decode` has them.
    """
    came = F.struct(
        F.coalesce(F.unix_micros("ingest_time"), F.lit(0)).alias("time"),
        F.coalesce("origin.topic", F.lit("")).alias("topic"),
        *(F.coalesce(f"origin.{name}", F.lit(-1)).alias(name) for name in ("partition", "offset", "element")),
    )
    framed = events.select(_key(group).alias("key"), _input(group).alias("input"), came.alias("event"))
    session = events.sparkSession
    jvm: Any = session.sparkContext._jvm
    return DataFrame(jvm.frauddetection.spark.Rebuild.apply(framed.where("input.operation <> 0")._jdf, group.plan), session)


def _turn(group: GroupBy) -> str:
    return f"{group.name}_turn"


def _key(group: GroupBy) -> Column:
    """Returns the key; for an event that passes, one of its own, so that these do not all go to one task."""
    keys = [F.expr(f"{kind}.{group.key}") for kind in group.kinds]
    others = [F.expr(f"{kind}.{one.id}") for kind, one in READINGS.items() if kind not in group.kinds]
    return F.coalesce(*keys, *others, F.col("deleted"), F.expr("concat(origin.partition, '-', origin.offset)"), F.lit(""))


def _input(group: GroupBy) -> Column:
    return F.struct(
        F.expr(_by_kind(group, lambda kind: READINGS[kind].operation, "0")).cast("tinyint").alias("operation"),
        F.expr(_by_kind(group, lambda kind: f"unix_micros({_arrival(kind)})", "0")).alias("arrival"),
        F.expr(_by_kind(group, lambda kind: f"coalesce(unix_micros({kind}.{READINGS[kind].time}), 0)", "0")).alias("time"),
        F.expr(_by_kind(group, lambda kind: f"coalesce({kind}.{READINGS[kind].id}, '')", "''")).alias("id"),
        F.expr(_by_kind(group, lambda kind: label_rule.rank("label.source") if kind == "label" else "0", "0"))
        .cast("tinyint")
        .alias("rank"),
        F.expr(group.mask_expression).alias("mask"),
        *(F.expr(value).alias(f"value_{number}") for number, value in enumerate(group.value_expressions)),
    )


def _arrival(kind: str) -> str:
    """Returns the time of arrival as SQL: Kafka's for a profile, whose own does not tell if a deletion came before or after."""
    return "ingest_time" if kind in ("customer", "merchant") else f"{kind}.{READINGS[kind].known}"


def _by_kind(group: GroupBy, text: Callable[[str], str], otherwise: str) -> str:
    cases = " ".join(f"WHEN kind = '{kind}' THEN {text(kind)}" for kind in group.kinds)
    return f"CASE {cases} ELSE {otherwise} END"
