"""The metrics' page is the code's, and progress is counted whatever Spark leaves out of it."""

from pathlib import Path
from types import SimpleNamespace as Namespace

import pytest
from prometheus_client import CollectorRegistry

from spark_jobs.metrics import StreamMetrics

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "metrics.md"


def test_the_page_lists_every_metric_as_it_is() -> None:
    registry = CollectorRegistry()
    StreamMetrics(registry)
    known = {
        (f"`{one.name}{'_total' if one.type == 'counter' else ''}`", one.type, one.documentation) for one in registry.collect()
    }
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert {(name, kind, meaning) for name, kind, _, meaning in rows} == known


@pytest.mark.parametrize(("latest", "behind"), [('{"t": {"0": 7}}', 3), ("None", 0), ("null", 0), (None, 0), ("", 0)])
def test_a_batch_that_a_restart_repeats_is_progress_too(latest: str | None, behind: int) -> None:
    registry = CollectorRegistry()
    metrics = StreamMetrics(registry)
    source = Namespace(latestOffset=latest, endOffset='{"t": {"0": 4}}')
    progress = Namespace(batchDuration=10, durationMs={"queryPlanning": 7}, sources=[source], observedMetrics={})
    metrics.onQueryProgress(Namespace(progress=progress))
    assert metrics.progressed.is_set()
    assert registry.get_sample_value("fraud_lag_rows") == behind
    assert registry.get_sample_value("fraud_batch_duration_seconds_count") == 1
    assert registry.get_sample_value("fraud_batch_phase_seconds", {"phase": "queryPlanning"}) == 0.007
