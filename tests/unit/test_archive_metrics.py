"""What Prometheus is told of an archiver is by sink, and the metrics' page is the code's."""

from pathlib import Path
from types import SimpleNamespace as Namespace

from prometheus_client import CollectorRegistry

from spark_jobs.archive_metrics import ArchiveMetrics, name_of

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "metrics.md"


def test_the_page_lists_every_metric_as_it_is() -> None:
    registry = CollectorRegistry()
    ArchiveMetrics(registry, ["lake"])
    known = {
        (f"`{one.name}{'_total' if one.type == 'counter' else ''}`", one.type, one.documentation) for one in registry.collect()
    }
    of_the_archiver = PAGE.read_text().partition("## The archiver")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in of_the_archiver.splitlines() if line.startswith("| `")]
    assert {(name, kind, meaning) for name, kind, _, meaning in rows} == known


def test_each_sink_has_its_own_counts_and_a_failure_lasts_until_it_moves() -> None:
    registry = CollectorRegistry()
    metrics = ArchiveMetrics(registry, ["lake", "base"])

    def told(name: str, sink: str) -> float | None:
        return registry.get_sample_value(f"fraud_archive_{name}", {"sink": sink})

    for sink in ("lake", "base"):
        metrics.onQueryStarted(Namespace(name=name_of(sink), runId=f"run of {sink}"))
        metrics.failed(sink)
    assert told("retrying", "lake") == told("failures_total", "lake") == 1
    waits = [Namespace(metrics={"recordsBehind": "3"}), Namespace(metrics={"recordsBehind": "4"})]
    progress = Namespace(runId="run of lake", numInputRows=5, batchDuration=250, sources=waits)
    metrics.onQueryProgress(Namespace(progress=progress))
    assert [told(name, "lake") for name in ("rows_total", "lag_rows", "batch_seconds", "retrying")] == [5, 7, 0.25, 0]
    assert [told(name, "base") for name in ("rows_total", "lag_rows", "batch_seconds", "retrying")] == [0, 0, 0, 1]
    metrics.onQueryIdle(Namespace(runId="run of lake"))
    assert told("lag_rows", "lake") == 0
    metrics.onQueryTerminated(Namespace(runId="run of lake"))
    metrics.onQueryProgress(Namespace(progress=progress))
    assert told("rows_total", "lake") == 5, "of a run that has ended nothing is known"
    metrics.lost("base", {"labels": 9})
    assert registry.get_sample_value("fraud_archive_lost_records_total", {"sink": "base", "topic": "labels"}) == 9
