"""The metrics' page is the code's, and progress is counted whatever Spark leaves out of it."""

from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from spark_jobs.metrics import ON_DISK, StreamMetrics
from spark_jobs.transforms import mapping
from spark_jobs.transforms.decode import REASON_CODES
from spark_jobs.transforms.observe import DECISIONS, KIND_NAMES, OBSERVATION, OPTIONAL, PAYMENTS, UNSCORED

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "metrics.md"


def test_the_page_lists_every_metric_as_it_is() -> None:
    registry = CollectorRegistry()
    StreamMetrics(registry)
    known = {
        (f"`{one.name}{'_total' if one.type == 'counter' else ''}`", one.type, one.documentation) for one in registry.collect()
    }
    of_the_detector, _, _ = PAGE.read_text().partition("## Health")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in of_the_detector.splitlines() if line.startswith("| `")]
    assert {(name, kind, meaning) for name, kind, _, meaning in rows} == known


@pytest.mark.parametrize(("told", "behind"), [({"recordsBehind": "3"}, 3), ({}, 0), (None, 0)])
def test_what_waits_is_as_the_source_tells_and_a_batch_that_a_restart_repeats_is_progress_too(
    told: dict[str, str] | None, behind: int
) -> None:
    registry = CollectorRegistry()
    progress = Namespace(
        batchDuration=10,
        durationMs={"queryPlanning": 7},
        sources=[Namespace(metrics=told)],
        observedMetrics={},
        stateOperators=[],
    )
    StreamMetrics(registry).onQueryProgress(Namespace(progress=progress))
    assert registry.get_sample_value("fraud_lag_rows") == behind
    assert registry.get_sample_value("fraud_batch_duration_seconds_count") == 1
    assert registry.get_sample_value("fraud_batch_phase_seconds", {"phase": "queryPlanning"}) == 0.007


def counted(metrics: StreamMetrics, **changes: Any) -> None:
    """Hands over the progress of a batch that observed these."""
    counts = {"newest": None, "mixed_currencies": 2, "unknown": 5, "challenged": 8, "challenger_difference": 0.5} | {
        f"largest_{group}": 7 for group in PAYMENTS
    }
    counts |= {f"kind_{kind}": 1 for kind in KIND_NAMES} | {f"decision_{one}": 3 for one in DECISIONS}
    counts |= {f"reason_{code}": 0 for code in REASON_CODES} | {f"note_{name}": 1 for name in OPTIONAL}
    counts |= {f"unscored_{role}": 6 for role in UNSCORED} | {"held_back": 4, "scored_by": []} | changes
    observed = {OBSERVATION: Namespace(asDict=lambda: counts), mapping.OBSERVATION: {"passed_over": 4}}
    steps = [Namespace(numRowsTotal=rows, memoryUsedBytes=10 * rows, customMetrics={ON_DISK: 20 * rows}) for rows in (3, 4)]
    progress = Namespace(batchDuration=10, durationMs={}, sources=[], observedMetrics=observed, stateOperators=steps)
    metrics.onQueryProgress(Namespace(progress=progress))


def test_what_a_batch_observed_is_added_up() -> None:
    registry = CollectorRegistry()
    metrics = StreamMetrics(registry)
    for _ in range(2):
        counted(metrics)
    assert registry.get_sample_value("fraud_mixed_currency_payments_total") == 4
    assert registry.get_sample_value("fraud_unknown_fields_total") == 10
    assert registry.get_sample_value("fraud_passed_over_records_total") == 8
    assert registry.get_sample_value("fraud_unreadable_fields_total", {"field": "vpn"}) == 2
    assert registry.get_sample_value("fraud_alerts_total") == 12
    assert registry.get_sample_value("fraud_decline_ceiling_total") == 8
    assert registry.get_sample_value("fraud_unscored_total", {"role": "champion"}) == 12
    assert registry.get_sample_value("fraud_challenger_payments_total") == 16
    assert registry.get_sample_value("fraud_challenger_difference_total") == 1
    assert registry.get_sample_value("fraud_state_rows", {"group": "terminal"}) == 4
    assert registry.get_sample_value("fraud_state_bytes", {"group": "card", "where": "memory"}) == 30
    assert registry.get_sample_value("fraud_state_bytes", {"group": "card", "where": "disk"}) == 60
    assert registry.get_sample_value("fraud_rows_total", {"kind": "label"}) == 2


def test_garbage_collection_is_told_of_the_executors_that_there_are() -> None:
    registry = CollectorRegistry()
    metrics = StreamMetrics(registry)
    metrics.garbage({"1": 2.5, "2": 1.0})
    metrics.garbage({"2": 1.5})
    assert registry.get_sample_value("fraud_gc_seconds", {"executor": "1"}) is None
    assert registry.get_sample_value("fraud_gc_seconds", {"executor": "2"}) == 1.5


def test_whether_rules_decide_alone_is_told_where_a_store_is_set() -> None:
    registry = CollectorRegistry()
    metrics = StreamMetrics(registry)
    assert registry.get_sample_value("fraud_model_missing") == 0, "without a store none is missed"
    metrics.models({"champion": None, "challenger": None})
    assert registry.get_sample_value("fraud_model_missing") == 1
    metrics.models({"champion": "v1", "challenger": None})
    assert registry.get_sample_value("fraud_model_missing") == 0


def test_every_executor_reports_by_which_model_it_scored_in_the_last_batch() -> None:
    registry = CollectorRegistry()
    metrics = StreamMetrics(registry)

    def models() -> set[tuple[str, str]]:
        (found,) = (one for one in registry.collect() if one.name == "fraud_executor_model")
        return {(sample.labels["executor"], sample.labels["version"]) for sample in found.samples if sample.value == 1}

    counted(metrics, scored_by=["1 xgboost-1", "2 xgboost-0"])
    assert models() == {("1", "xgboost-1"), ("2", "xgboost-0")}
    counted(metrics, scored_by=["1 xgboost-1", "2 xgboost-1"])
    assert models() == {("1", "xgboost-1"), ("2", "xgboost-1")}
    metrics.onQueryIdle(Namespace())
    assert models() == set(), "an executor that scores nothing is not blamed for an old model"
