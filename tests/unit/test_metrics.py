"""The metrics' page is the code's."""

from pathlib import Path

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
