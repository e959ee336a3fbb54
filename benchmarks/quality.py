"""How long `fraud quality check` takes for a large day, beside the four same weekdays that tell what is usual."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.page import table
from contract import Alert, Label, Scored, Transaction
from producer.layout import arrow_schema
from quality.days import WEEKS
from spark_jobs.feature_reference import RANGES
from spark_jobs.features import FEATURE_COLUMNS

ROWS = 1_000_000
GROUP = 250_000
DAY = date(2026, 3, 18)
ALERTED = 0.01
CHECK = [str(Path(sys.executable).with_name("fraud")), "quality", "check"]


def section(folder: Path) -> str:
    """Returns what a page says."""
    lake = folder / "lake"
    for weeks in range(WEEKS + 1):
        _write(lake, DAY - timedelta(weeks=weeks))
    found = measure(lake)
    columns = {"expectations": "expectations", "seconds": "seconds", "cpu_seconds": "CPU seconds", "mib": "MiB at most"}
    return f"""\
`fraud quality check` of a day of {ROWS:,} scored payments with all features, in plain Parquet on the local disk. The {WEEKS} same
weekdays before have as many each, and are read too. The process's start is counted. (Goals: 30 s, 2,048 MiB.)

{table(tuple(columns.values()), [tuple(found[name] for name in columns)])}"""


def measure(lake: Path) -> dict[str, Any]:
    """Returns `expectations` that were checked, `seconds`, `cpu_seconds`, and `mib`, the most memory that the process had."""
    begin = time.monotonic()
    with (lake / "told.json").open("w") as out:
        process = subprocess.Popen([*CHECK, "--data", str(lake), "--day", str(DAY), "--json"], stdout=out)
        _, status, used = os.wait4(process.pid, 0)
    seconds, told = time.monotonic() - begin, json.loads((lake / "told.json").read_text())
    wrong = [one for one in told["expectations"] if one["success"] is False]
    assert os.waitstatus_to_exitcode(status) == 0, wrong
    return {
        "expectations": sum(one["success"] is not None for one in told["expectations"]),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "mib": used.ru_maxrss // 1024,
    }


def _write(lake: Path, day: date) -> None:
    draws = np.random.default_rng(day.toordinal())
    for batch in range(ROWS // GROUP):
        scored = _scored(day, batch * GROUP, draws)
        rest = [one.name for one in arrow_schema(Transaction)]
        warned = scored.filter(pa.array(np.arange(GROUP) < ALERTED * GROUP))
        alerts = {
            **{name: warned[name] for name in ("transaction_id", "decision", "rules", "card_id", "amount", "currency")},
            **{name: warned[name] for name in ("ruleset_version", "fraud_score")},
            **{"alert_id": warned["transaction_id"], "user_id": warned["customer_id"], "merchant": warned["merchant_id"]},
            **{"timestamp": warned["event_time"], "reasons": warned["rules"]},
        }
        known = scored["event_time"]
        labels = {name: scored[name] for name in ("transaction_id", "card_id", "terminal_id")}
        labels |= {"event_time": pa.array(known.to_numpy() - np.timedelta64(7, "D")).cast(known.type), "labelled_at": known}
        labels |= {"is_fraud": pa.array(np.zeros(GROUP, bool))}
        _put(lake, "scored", day, batch, scored)
        _put(lake, "transactions", day, batch, scored.select(rest))
        _put(lake, "alerts", day, batch, _filled(arrow_schema(Alert), alerts, warned.num_rows))
        _put(lake, "labels", day, batch, _filled(arrow_schema(Label), labels, GROUP))


def _scored(day: date, first: int, draws: np.random.Generator) -> pa.Table:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    micros = int(midnight.timestamp()) * 1_000_000 + np.sort(draws.integers(0, 86_400 * 1_000_000, GROUP))
    numbers = np.arange(first, first + GROUP)
    found: dict[str, Any] = {
        "transaction_id": [f"{day}-{number}" for number in numbers],
        "event_time": pa.array(micros).cast(pa.timestamp("us", "UTC")),
        **{name: [f"{name}-{one}" for one in draws.integers(0, 50_000, GROUP)] for name in ("card_id", "customer_id")},
        **{name: [f"{name}-{one}" for one in draws.integers(0, 5_000, GROUP)] for name in ("terminal_id", "merchant_id")},
        **{name: [text] * GROUP for name, text in {"merchant_category": "5411", "currency": "EUR", "country": "FR"}.items()},
        **{name: [text] * GROUP for name, text in {"response_code": "approved", "channel": "pos", "ruleset_version": "v"}.items()},
        "amount": pa.array(np.round(draws.lognormal(3, 0.6, GROUP), 2)).cast(pa.decimal128(14, 3)),
        "fraud_score": draws.beta(1, 30, GROUP),
        "model_version": ["m"] * GROUP,
        "decision": np.where(np.arange(GROUP) < ALERTED * GROUP, "review", "approve"),
        "rules": [["over"]] * GROUP,
    }
    for name in FEATURE_COLUMNS:
        least, greatest = RANGES[name].least, RANGES[name].greatest
        found[name] = np.clip(draws.gamma(2.0, 5.0, GROUP), least, greatest) if least is not None else draws.normal(size=GROUP)
    rest = [one for one in arrow_schema(Scored) if one.name not in ("transaction", "features")]
    schema = pa.schema([*arrow_schema(Transaction), *((name, pa.float64()) for name in FEATURE_COLUMNS), *rest])
    return _filled(schema, found, GROUP)


def _filled(schema: pa.Schema, columns: dict[str, Any], rows: int) -> pa.Table:
    made = {one.name: columns.get(one.name, pa.nulls(rows, one.type)) for one in schema}
    return pa.table(made, schema=schema)


def _put(lake: Path, name: str, day: date, batch: int, rows: pa.Table) -> None:
    folder = lake / name / f"date={day}" / f"batch_id={batch}"
    folder.mkdir(parents=True)
    pq.write_table(rows, folder / "part-0.parquet", row_group_size=GROUP // 2)
