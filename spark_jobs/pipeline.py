"""The product on one page: what happens to a Kafka record on its way to a decision.

    mapping ──► decode ──► history ───────────────► derive ──► score ──► decide ──► explain ──► egress
    foreign                per terminal │ per card  features   model     rules too  alerts
    records

Every step is a DataFrame function, the same in real-time mode, in micro-batches and in the trainer's batch. Labels, customers and
merchants travel the same way as transactions: they change the history that later transactions see, and give no record of their
own. What cannot be read travels too, untouched, and leaves as a dead letter. What leaves goes to Kafka, and nowhere else.
"""

from collections.abc import Mapping
from datetime import datetime

from pyspark.sql import DataFrame

from contract import Topics
from spark_jobs.features import CARD, TERMINAL
from spark_jobs.transforms.ceiling import hold_back
from spark_jobs.transforms.decide import Rule, decide
from spark_jobs.transforms.decode import Limits, decode
from spark_jobs.transforms.derive import derive
from spark_jobs.transforms.egress import egress
from spark_jobs.transforms.history import history, in_turn, without_persons
from spark_jobs.transforms.inputs import Inputs
from spark_jobs.transforms.mapping import mapping
from spark_jobs.transforms.score import ModelSource, explain, score


def detect(
    raw: DataFrame,
    topics: Topics,
    inputs: Inputs,
    rules: Mapping[str, Rule],
    models: ModelSource | None,
    limits: Limits,
    publish_from: datetime | None = None,
    sizes: Mapping[str, int] | None = None,
    max_declines: int | None = None,
    *,
    is_real_time: bool = False,
) -> DataFrame:
    """Returns the records that leave for those of `raw`, the columns that Kafka's sink takes; `mapping` says what `raw` has.

    Of records that came to Kafka before `publish_from` none leaves: they are history for the others. None is larger than `sizes`
    says, bytes by topic. `max_declines` is the ceiling of declines a minute. `is_real_time`: each record flows by itself.
    """
    events = decode(mapping(raw, inputs, limits.max_bytes), limits)
    events = in_turn(events, CARD) if is_real_time else events
    return egress(judge(features(events), rules, models, max_declines), topics, sorted(rules), publish_from, sizes)


def features(events: DataFrame) -> DataFrame:
    """Returns the events, a stream's or a batch's, with `features`: all that is known of a transaction when it arrives."""
    return derive(history(history(without_persons(events), TERMINAL), CARD))


def judge(featured: DataFrame, rules: Mapping[str, Rule], models: ModelSource | None, max_declines: int | None = None) -> DataFrame:
    """Returns the events with features, scored, decided and, where they are alerts, explained."""
    return explain(hold_back(decide(score(featured, models), rules), max_declines), models)
