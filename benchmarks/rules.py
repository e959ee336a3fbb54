"""What rules cost: `decide` with none, ten and a hundred of them, on the same payments in memory.

CPU time of Python and JVM, less that of the same without rules; medians of some rounds on a warm JVM.
"""

from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.cpu import CpuTime
from benchmarks.history import session_of_two
from benchmarks.page import table
from contract import Transaction
from spark_jobs.features import FEATURE_COLUMNS
from spark_jobs.schema import schema
from spark_jobs.settings import Rule
from spark_jobs.transforms.decide import decide
from spark_jobs.transforms.rehearsal import rehearse
from spark_jobs.transforms.score import score

ROWS, PARTS, ROUNDS = 400_000, 2, 5
NUMBERS = (0, 10, 100)
QUESTIONS = (
    "amount > {number} + 150 AND channel = 'ecom' AND merchant_country <> country",
    "card_count_1h > {number} AND response_code <> 'approved'",
    "amount_to_past_mean_30d > {number} + 4 AND (home_distance_km > 500 OR vpn)",
    "fraud_score > 0.5 AND terminal_risk_7d > 0.01 * {number}",
    "merchant_category IN ('4829', '6051', '7995') AND amount > {number} AND is_night = 1",
)
"""As people write them: two or three comparisons of fields, features and the score."""
PAYMENT = {
    "transaction_id": "concat('t', id)",
    "event_time": "TIMESTAMP '2026-01-01 12:00:00Z'",
    "card_id": "concat('card-', id % 5000)",
    "merchant_category": "IF(id % 11 = 0, '7995', '5411')",
    "amount": "(id % 300) + 0.5",
    "currency": "'EUR'",
    "channel": "IF(id % 3 = 0, 'ecom', 'pos')",
    "country": "'FR'",
    "merchant_country": "IF(id % 7 = 0, 'DE', 'FR')",
    "response_code": "IF(id % 13 = 0, 'declined', 'approved')",
    "vpn": "id % 17 = 0",
}


def section(folder: Path) -> str:
    """Returns the section's text."""
    spark = session_of_two(folder)
    try:
        costs = measure(spark)
    finally:
        spark.stop()
    rows = [(number, f"{cost:.2f}") for number, cost in costs.items()]
    return f"""\
{ROWS:,} payments with their features in memory, CPU time of `decide` for a payment, less that of the same without rules:
medians of {ROUNDS} rounds. A rule compares two or three fields and features.

{table(("rules", "microseconds a payment"), rows)}"""


def rules_of(number: int) -> dict[str, Rule]:
    """Returns so many rules."""
    questions = (QUESTIONS[one % len(QUESTIONS)].format(number=one) for one in range(number))
    return {f"rule_{one}": Rule(when=when, reason=f"Rule {one}") for one, when in enumerate(questions)}


def measure(spark: SparkSession) -> dict[int, float]:
    """Returns microseconds of CPU time a payment, by the number of rules."""
    cpu = CpuTime(spark.sparkContext._gateway.proc.pid)  # type: ignore[union-attr]
    payments = score(_payments(spark), None).persist(StorageLevel.MEMORY_ONLY)
    found = {}
    for number in NUMBERS:
        rules = rules_of(number)
        rehearse(spark, rules)
        decided = decide(payments, rules)
        whole = F.hash("kind", "transaction", "features", "decision", "rules", "failed_rules", "reasons_to_alert")
        found[number] = cpu.of_reading(decided.select(whole), ROUNDS, warm_up=2) / ROWS * 1e6
    payments.unpersist()
    return {number: cost - found[0] for number, cost in found.items()}


def _payments(spark: SparkSession) -> DataFrame:
    fields = (F.expr(PAYMENT.get(one.name, "NULL")).cast(one.dataType).alias(one.name) for one in schema(Transaction).fields)
    values = (F.expr(f"double((id * {place + 7}) % 31) / 3").alias(name) for place, name in enumerate(FEATURE_COLUMNS))
    made = spark.range(0, ROWS, 1, PARTS)
    return made.select(
        F.lit("transaction").alias("kind"), F.struct(*fields).alias("transaction"), F.struct(*values).alias("features")
    )
