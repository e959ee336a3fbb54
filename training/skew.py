"""Train/serve skew: the features that payments were served with, beside those that a model is trained on, row by row.

Both are of one definition and of one code, so they differ where the detector and the archive did not know the same. A feature is
compared from when the archive has the whole of its window. What was served before may rest on payments that the archive never had.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from configuration import FraudDetectionError
from spark_jobs.feature_reference import MAY_BE_ABSENT, described
from spark_jobs.features import FEATURE_COLUMNS, GROUPS
from spark_jobs.sources import SERVED_KEY
from spark_jobs.vocabulary import days

LIMIT = 0.01
"""Share of payments. What no clock can order, two payments of a terminal within milliseconds, is far below: docs/adr/0010."""
LEAST = 20
"""Payments: fewer may be some that came late, whatever share they are of a few."""
TOLERANCE = 1e-9
"""Relative to values above 1. Sums are exact, but sines and logarithms may differ in the last bit between two kinds of machines."""
STRAYS = 0.001
"""This share of payments may be older than the archive itself: they came years late, or from a clock that was wrong."""
_PROFILE = days(37)
"""Taken for the window of a profile, as long as the longest: an archive begins with the newest version of each."""
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SkewTooLarge(FraudDetectionError):
    """Payments were served with other features than a model would be trained on."""


def windows() -> dict[str, timedelta]:
    """Returns how far back each feature looks, its delay included: of one made of several values the farthest."""
    values = {one.name: (one.window or _PROFILE) + one.aggregation.delay for group in GROUPS for one in group.outputs}
    return {
        one.name: max([values[name] for name in (one.name, *one.of) if name in values], default=timedelta(0))
        for one in described()
        if one.feature
    }


def compare(computed: DataFrame, served: DataFrame, since: datetime) -> dict[str, Any]:
    """Returns how the features differ of payments from `since` on, as the report of a model has it.

    Both have SERVED_KEY and FEATURE_COLUMNS. `computed` is all of the archive: it tells when that begins.

    `payments` is how many are compared, `of_other_features` how many more a detector of another feature set has scored, and
    `not_compared` names features whose windows are longer than the archive. `features` has those that differ, the largest share
    first: `compared`, `differing` and their `share`; `largest`, the largest difference, None where one of the two is always absent;
    an `example` with that difference; `first` and `last`, the event times between which they lie; and `before`, how many differ
    before the archive has the whole window, which says nothing and is in no other number.
    """
    begins = _begins(computed)
    rows = _both(computed, served, since).select("transaction_id", "event_time", _is_other().alias("other"), _differing(begins))
    rows = rows.persist(StorageLevel.MEMORY_AND_DISK)
    both = ("count_if(NOT other) AS payments", "count_if(other) AS others")
    try:
        (counted,) = rows.agg(*map(F.expr, both), *_counts(begins)).collect()
        differing = _by_feature(rows).collect()
    finally:
        rows.unpersist()
    whole = {name: counted[str(begin)] for name, begin in begins.items()}
    found = [_told(one.asDict(recursive=True), whole[one.feature]) for one in differing]
    return {
        "payments": counted.payments,
        "of_other_features": counted.others,
        "not_compared": [name for name in FEATURE_COLUMNS if not whole[name]],
        "features": sorted(found, key=lambda one: (-one["share"], -one["differing"], FEATURE_COLUMNS.index(one["feature"]))),
    }


def require_little(found: dict[str, Any], limit: float) -> None:
    """Checks that no feature differs in more than this share of payments.

    Raises:
        SkewTooLarge: one does, in LEAST payments or more.
    """
    large = [one for one in found["features"] if one["differing"] >= LEAST and one["share"] > limit]
    if not large:
        return
    worst, *others = large
    more = f"; so do {', '.join(one['feature'] for one in others)}" if others else ""
    raise SkewTooLarge(
        f"The detector has served other features than a model would be trained on: {sentence(worst)}{more}",
        "Find what the detector and the archive did not both know, by what docs/how-to/train-a-model.md says under Skew. "
        "To train all the same, raise `--max-skew`.",
    )


def sentence(one: dict[str, Any]) -> str:
    """Returns a feature's difference for people."""
    example = one["example"]
    by = "absent on one side" if one["largest"] is None else f"by up to {one['largest']:.4g}"
    served, computed = ("absent" if example[side] is None else f"{example[side]:.6g}" for side in ("served", "computed"))
    return (
        f"{one['feature']} differs in {one['differing']:,} of {one['compared']:,} payments ({one['share']:.2%}), {by}, from "
        f"{one['first']} to {one['last']}, such as {example['transaction_id']} (served {served}, computed {computed})"
    )


def _begins(computed: DataFrame) -> dict[str, int]:
    """Returns from when on each feature is compared: its window lies in the archive. Microseconds since 1970."""
    of_archive = computed.selectExpr(f"percentile_approx(unix_micros(event_time), {STRAYS}, 10000)").first()
    begin = (of_archive[0] if of_archive else None) or 0
    return {name: begin + window // _MICROSECOND for name, window in windows().items()}


def _both(computed: DataFrame, served: DataFrame, since: datetime) -> DataFrame:
    """Returns SERVED_KEY and the structs `computed` and `served` of payments that have both; a repeat is one row."""
    features = F.struct(*FEATURE_COLUMNS)
    nothing = F.lit(None).cast("struct<" + ",".join(f"{name}:double" for name in FEATURE_COLUMNS) + ">")
    sides = [
        rows.where(F.col("event_time") >= F.lit(since)).select(
            *SERVED_KEY, *(column.alias(name) for name, column in columns.items())
        )
        for rows, columns in (
            (computed, {"computed": features, "served": nothing}),
            (served, {"computed": nothing, "served": features}),
        )
    ]
    # One sort of both: a join would sort each, and multiply repeats.
    first = (F.first(name, ignorenulls=True).alias(name) for name in ("computed", "served"))
    return sides[0].unionAll(sides[1]).groupBy(*SERVED_KEY).agg(*first).where("computed IS NOT NULL AND served IS NOT NULL")


def _is_other() -> Column:
    """Returns whether a payment was served without a feature that is never absent: its detector did not know it."""
    return F.expr(" OR ".join(f"served.{name} IS NULL" for name in FEATURE_COLUMNS if name not in MAY_BE_ABSENT))


def _differing(begins: dict[str, int]) -> Column:
    """Returns the array `differing`: of each feature that differs its name, both values, and whether its window is whole."""
    each = (
        F.expr(f"""IF({_differs(f"served.{name}", f"computed.{name}")}, named_struct('feature', '{name}',
            'served', served.{name}, 'computed', computed.{name}, 'whole', unix_micros(event_time) >= {begin}), NULL)""")
        for name, begin in begins.items()
    )
    return F.when(~_is_other(), F.array_compact(F.array(*each))).alias("differing")


def _differs(served: str, computed: str) -> str:
    unequal = f"abs({served} - {computed}) > {TOLERANCE} * greatest(1D, abs({computed}))"
    return f"NOT ({served} <=> {computed}) AND coalesce({unequal}, true)"


def _counts(begins: dict[str, int]) -> list[Column]:
    """Returns columns named as the instants: how many payments are compared from each on."""
    return [
        F.expr(f"count_if(NOT other AND unix_micros(event_time) >= {begin})").alias(str(begin))
        for begin in sorted(set(begins.values()))
    ]


def _by_feature(rows: DataFrame) -> DataFrame:
    each = rows.selectExpr("transaction_id", "event_time", "inline(differing)")
    away = "abs(served - computed)"
    whole = "FILTER (WHERE whole)"
    row, rank = "struct(transaction_id, served, computed)", f"struct(coalesce({away}, -1D), transaction_id)"
    told = {
        "differing": f"count(*) {whole}",
        "largest": f"max({away}) {whole}",
        "example": f"max_by({row}, {rank}) {whole}",
        "first": f"unix_micros(min(event_time) {whole})",
        "last": f"unix_micros(max(event_time) {whole})",
        "before": "count_if(NOT whole)",
    }
    return each.groupBy("feature").agg(*(F.expr(text).alias(name) for name, text in told.items()))


def _told(one: dict[str, Any], compared: int) -> dict[str, Any]:
    share = one["differing"] / compared if compared else 0.0
    times = {name: None if one[name] is None else _instant(one[name]) for name in ("first", "last")}
    return {"feature": one["feature"], "compared": compared, "share": share, **one, **times}


def _instant(micros: int) -> str:
    return f"{_EPOCH + micros * _MICROSECOND:%Y-%m-%dT%H:%M:%SZ}"
