"""The page at the demo's end shows what there was, needs nothing beside it, and says nothing of what there was not."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from local import page
from local.screen import Moment, State
from tests.records import AT, alert, transaction


def test_it_shows_flow_latency_alerts_and_the_models_report(tmp_path: Path) -> None:
    state = State(mode="realTime", seconds=61.5)
    state.moments = [Moment(float(one), 100 * one, 90 * one, one) for one in range(1, 4)]
    for number, reasons in enumerate((("Fraud score 0.93", "A <b>"), ("Fraud score 0.71",))):
        name = f"t{number}"
        paid = replace(transaction(transaction_id=name, amount=Decimal("10.50")), event_time=AT + timedelta(seconds=number))
        state.warned(alert(paid, reasons=reasons, model_version="m-1"))
        state.latencies.paid(name, 1_000)
        state.latencies.alerted(name, 1_010 + number)
    report = tmp_path / "m-1" / "report"
    report.mkdir(parents=True)
    (report / "report.json").write_text(json.dumps({"version": "m-1", "metrics": {"auc_roc": 0.87654, "saved": None}}))
    (report / "scores.png").write_bytes(b"a picture")
    page.write(tmp_path / "page.html", state, "2 payments", tmp_path)
    text = (tmp_path / "page.html").read_text()
    assert re.findall(r"<h2>([^<]*)</h2>", text) == ["Flow", "Latency", "Alerts", "Model m-1"]
    assert text.count("data:image/png;base64,") == 4
    assert "A &lt;b&gt;" in text
    assert "<td>EUR</td><td>21.00</td>" in text
    assert "<td>auc_roc</td><td>0.8765</td>" in text
    assert "p50 10 ms, p99 11 ms" in text
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert state.reasons == {"Fraud score": 2, "A <b>": 1}


def test_a_run_that_came_to_nothing_has_a_page_too(tmp_path: Path) -> None:
    page.write(tmp_path / "page.html", State(), "0 payments", tmp_path)
    text = (tmp_path / "page.html").read_text()
    assert "0 payments" in text
    assert "<h2>" not in text
