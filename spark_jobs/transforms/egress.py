"""What leaves a decided event: a scored transaction, perhaps an alert, or a dead letter, as the contract's JSON."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contract import SCHEMA_VERSION, Topics
from spark_jobs.transforms.decode import REJECTED
from spark_jobs.transforms.observe import counted, observe

ALERT_DOMAIN = "fraud-alert"
"""Hashed before what an alert_id is made of: it is the id of nothing else."""

KIB = 1024
MOST = 1024 * KIB
"""Bytes of a message that Kafka's producer sends at most, and that a topic takes unless it says otherwise."""
BESIDE_THE_VALUE = 4 * KIB
"""Of them, for the key and the headers of a scored record or an alert, and for what Kafka adds itself."""
KEY_LENGTH = 256
"""Characters of a card's token in a key: a longer one is no token, and would be larger than the value."""


class Repeated(NamedTuple):
    """Bytes that a dead letter repeats of a record."""

    value: int
    key: int
    headers: int


def repeated(most: int) -> Repeated:
    """Returns what a dead letter repeats of a record where its topic takes messages of so many bytes.

    In base64, with the key twice and headers escaped, that stays below it.
    """
    share = min(most, MOST) / MOST
    return Repeated(int(400 * KIB * share), int(64 * KIB * share), int(32 * KIB * share))


_DECISION = ("decision", "rules", "ruleset_version")
_SCORE = ("score.fraud_score", "score.model_version")
_CHALLENGER = ("score.challenger_score", "score.challenger_version")
_ALERT = {
    # No identifier has a line's end, so no two payments come to one text.
    "alert_id": f"""sha2(concat_ws('\n', '{ALERT_DOMAIN}', transaction.transaction_id, transaction.card_id,
        unix_micros(transaction.event_time)), 256)""",
    "transaction_id": "transaction.transaction_id",
    "user_id": "transaction.customer_id",
    "timestamp": "transaction.event_time",
    "decision": "decision",
    "reasons": "reasons_to_alert",
    "rules": "rules",
    "card_id": "transaction.card_id",
    "amount": "transaction.amount",
    "currency": "transaction.currency",
    "merchant": "transaction.merchant_id",
    "ruleset_version": "ruleset_version",
    "fraud_score": "score.fraud_score",
    "model_version": "score.model_version",
    "contributions": """transform(contributions, one -> named_struct(
        'feature', one.feature, 'direction', if(one.contribution > 0, 'raises', 'lowers'),
        'contribution', one.contribution, 'value', one.value, 'usual', one.usual))""",
}
"""The fields of contract.Alert, each as a Spark SQL expression over a decided event."""

_PLACE = {
    **{"input-topic": "origin.topic", "input-partition": "origin.partition", "input-offset": "origin.offset"},
    "input-timestamp": "unix_millis(ingest_time)",
}
_ELEMENT = {"input-element": "origin.element"}
"""Headers of each record that leaves, text: the record that it came of, by which a repeat is known from another payment, with its
Kafka timestamp, of which the watcher makes latencies; and the place in it, where one value is an array of payments."""

_KEY_OF_LETTER = "IF(CAST(source.key AS STRING) RLIKE '[0-9]([ -]?[0-9]){12}', NULL, source.key)"
"""Without what may be a card number: keys are seen where values are not, in tools and in logs."""

_IS_TRANSACTION = "kind = 'transaction'"
_IS_ALERT = f"{_IS_TRANSACTION} AND decision <> 'approve'"


def egress(
    decided: DataFrame,
    topics: Topics,
    rules: Iterable[str] = (),
    publish_from: datetime | None = None,
    sizes: Mapping[str, int] | None = None,
) -> DataFrame:
    """Returns the Kafka records, columns `topic`, `key`, `value`, `headers`: one or two a transaction, one a rejected record.

    A value holds no clock reading and nothing of the run: the same input gives the same bytes. Labels, customers and merchants give
    none; they are counted with the others, and so are failures of the `rules`. Of what came to Kafka before `publish_from` nothing
    leaves. `sizes` says of how many bytes a message may be, by topic: what would be larger is cut, and says so.
    """
    most = {topic: min((sizes or {}).get(topic, MOST), MOST) for topic in (topics.scored, topics.alerts, topics.rejected)}
    repeats = repeated(most[topics.rejected])
    scored, alert, rejected = (
        _json(decided, struct, most[topic] - BESIDE_THE_VALUE)
        for topic, struct in ((topics.scored, _scored()), (topics.alerts, _alert()), (topics.rejected, _rejected(repeats)))
    )
    card = F.substring("transaction.card_id", 1, KEY_LENGTH).cast("binary")
    key = F.substring(F.expr(_KEY_OF_LETTER), 1, repeats.key)
    leaves = F.lit(True) if publish_from is None else F.col("ingest_time") >= F.lit(publish_from)
    records = F.array(
        F.when(leaves & F.expr(_IS_TRANSACTION), _record(topics.scored, card, scored)),
        F.when(leaves & F.expr(_IS_ALERT), _record(topics.alerts, card, alert)),
        F.when(leaves & (F.col("kind") == REJECTED), _record(topics.rejected, key, rejected)),
    )
    return (
        observe(decided.select(*counted(decided), records.alias("records")), rules)
        .select(F.explode("records").alias("record"))
        .where("record IS NOT NULL")
        .select("record.*")
    )


def _record(topic: str, key: Column, value: Column) -> Column:
    place, element = _header_of(_PLACE), _header_of(_ELEMENT)
    headers = F.when(F.col("origin.element").isNull(), F.array(*place)).otherwise(F.array(*place, *element))
    return F.struct(F.lit(topic).alias("topic"), key.alias("key"), value.alias("value"), headers.alias("headers"))


def _header_of(names: Mapping[str, str]) -> list[Column]:
    texts = {name: F.expr(f"CAST(CAST({of} AS STRING) AS BINARY)") for name, of in names.items()}
    return [F.struct(F.lit(name).alias("key"), text.alias("value")) for name, text in texts.items()]


def _json(decided: DataFrame, struct: Column, most: int) -> Column:
    """Returns the struct as the contract's JSON of so many bytes at most, binary (kernel: Encoder.java)."""
    jvm: Any = decided.sparkSession.sparkContext._jvm
    (field,) = decided.select(struct.alias("one")).schema
    return Column(jvm.frauddetection.wire.Encoder.apply(struct._jc, field.dataType.json(), most))


def _scored() -> Column:
    return F.struct("transaction", "features", *_DECISION, *_SCORE, *_CHALLENGER, "notes", _whole())


def _alert() -> Column:
    return F.struct(*(F.expr(source).alias(name) for name, source in _ALERT.items()), _whole())


def _whole() -> Column:
    """Returns the field that the encoder makes true where it cuts."""
    return F.lit(None).cast("boolean").alias("truncated")


def _rejected(repeats: Repeated) -> Column:
    key, value, headers = F.col("source.key"), F.col("source.value"), F.col("source.headers")
    sizes = F.transform(headers, lambda one: F.octet_length(one["key"]) + F.coalesce(F.octet_length(one["value"]), F.lit(0)))
    headers_fit = F.coalesce(F.aggregate(sizes, F.lit(0), lambda total, size: total + size) <= repeats.headers, F.lit(True))
    whole = (
        F.coalesce(F.octet_length(key) <= repeats.key, F.lit(True))
        & F.coalesce(F.octet_length(value) <= repeats.value, F.lit(True))
        & headers_fit
    )
    return F.struct(
        "origin.topic",
        "origin.partition",
        "origin.offset",
        F.col("ingest_time").alias("timestamp"),
        "reasons",
        F.lit(SCHEMA_VERSION).alias("schema_version"),
        F.substring(key, 1, repeats.key).alias("key"),
        F.substring(value, 1, repeats.value).alias("value"),
        F.when(headers_fit & (F.size(headers) > 0), headers).alias("headers"),
        F.when(~whole, F.lit(True)).alias("truncated"),
    )
