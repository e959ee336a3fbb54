"""The DAG as Airflow runs it, in its own environment, with the commands as they are: train, ask, promote; skip; refuse."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from contract import Scored
from harness.detector import QUICK_START
from harness.worlds import data_set
from spark_jobs import sources
from spark_jobs.pipeline import features
from spark_jobs.schema import schema
from spark_jobs.settings import S3
from tests.airflow import PYTHON, ROOT, environment
from tests.models import added
from training import promotion
from training.store import ModelStore

RUNS = ROOT / "tests" / "dags" / "runs.py"
DAYS = 9
KNOWN, LATER, LATEST = "2018-04-09", "2018-04-10", "2018-05-01"
"""When all labels have come; a day later, without a label since; and when there are no payments any more."""
TASKS = {
    "quality": ["backtest", "train"],
    "backtest": [],
    "train": ["judge"],
    "judge": ["approve", "challenge", "promote"],
    "challenge": ["wait"],
    "wait": ["judge_challenger"],
    "judge_challenger": ["approve"],
    "approve": ["promote"],
    "promote": ["watch"],
    "watch": [],
}
DATED = {"transactions": "event_time", "labels": "labelled_at", "customers": "updated_at", "merchants": "updated_at"}


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a detector and an archiver would have kept of half of the producer's people; from KNOWN on no label has come."""
    folder = tmp_path_factory.mktemp("lake")
    world = data_set(folder / "world", "--traffic", "all", "--days", str(DAYS), "--label-delay", "1d")
    for name, time in DATED.items():
        rows = spark.read.parquet(str(world / name))
        rows = rows if name == "merchants" else rows.where("crc32(card_id) % 2 = 0")
        keep(rows.where(f"labelled_at < '{KNOWN}'") if name == "labels" else rows, folder / "lake" / name, time)
    paid = features(sources.read_history(spark, str(folder / "lake"), S3())).where("kind = 'transaction'")
    rest = {one.name: F.lit(None).cast(one.dataType) for one in schema(Scored) if one.name not in ("transaction", "features")}
    said: dict[str, Column] = {**rest, "decision": F.lit("approve"), "ruleset_version": F.lit("r")}
    said["rules"] = F.array().cast("array<string>")
    scored = paid.select("transaction.*", "features.*", *(one.alias(name) for name, one in said.items()))
    keep(scored, folder / "lake" / "scored", "event_time")
    return folder / "lake"


def keep(rows: DataFrame, folder: Path, time: str) -> None:
    """Writes rows as the archiver does, in one batch."""
    dated = rows.withColumn("date", F.to_date(time)).withColumn("batch_id", F.lit(0))
    dated.repartition(1).write.partitionBy("date", "batch_id").parquet(str(folder))


class Airflow:
    """Airflow with a database of its own, and a folder in which the DAG's commands run; a weak model is `before`, the champion."""

    def __init__(self, folder: Path, lake: Path) -> None:
        self.store = ModelStore(str(folder / "models"), S3())
        self.before = added(self.store, average_precision=0.01)
        promotion.force(self.store, self.before.version, "a test", "somebody was champion", None)
        (folder / "retraining.yaml").write_text(yaml.safe_dump({"schedule": None, "params": {"data": str(lake), "watch": None}}))
        self._environment = {
            **environment(folder),
            "FRAUD_STORE": self.store.place,
            "FRAUD_MODELS__STORE": self.store.place,
            "FRAUD_LABEL_DELAY": "1d",
            "FRAUD_SPARK__CONF": json.dumps(QUICK_START),
        }
        self._python(["-m", "airflow", "db", "migrate"])

    def runs(self, *wanted: dict[str, Any]) -> Any:
        """Returns what came of runs of the DAG, one after the other."""
        return json.loads(self._python([str(RUNS)], json.dumps(wanted)).splitlines()[-1])

    def _python(self, arguments: Sequence[str], told: str = "") -> str:
        done = subprocess.run([PYTHON, *arguments], env=self._environment, input=told, capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
        return done.stdout


@pytest.fixture
def airflow(lake: Path, tmp_path: Path) -> Airflow:
    return Airflow(tmp_path, lake)


@pytest.mark.timeout(600)
def test_what_a_person_approves_is_promoted(airflow: Airflow) -> None:
    store, before = airflow.store, airflow.before

    found = airflow.runs({"at": f"{KNOWN}T03:00:00Z", "params": {"approval": True}, "answer": {"user": "ada", "option": "Approve"}})
    assert found["import_errors"] == {}
    assert (found["dag"], found["tasks"]) == ({"max_active_runs": 1, "catchup": False}, TASKS)
    (approved,) = found["runs"]
    assert (approved["state"], tasks_in(approved, "success")) == ("success", {"quality", "train", "judge", "approve", "promote"})
    champion = store.pointer("champion")
    assert champion is not None
    version = champion.version
    assert (champion.previous, {one.version for one in store.versions()}) == (before.version, {before.version, version})
    promoted = store.audit.events()[-1]
    assert (promoted.action, promoted.version, promoted.by) == ("promoted", version, "ada")
    assert promoted.report is not None
    (question,) = approved["asked"]
    assert question["subject"] == f"Promote {version}?"
    assert question["defaults"] == ["Reject"], "no answer in time is no"
    metrics = store.manifest(version).metrics
    assert f"| average precision | {metrics['average_precision']:.4f} |" in question["body"]
    scenarios = json.loads(store.report(version) or b"")["scenarios"]
    assert scenarios
    assert all(f"| {one['scenario'].replace('_', ' ')} | {one['frauds']} |" in question["body"] for one in scenarios)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_run_skips_where_nothing_is_new_and_fails_where_something_is_wrong(airflow: Airflow) -> None:
    store, before = airflow.store, airflow.before
    promoted, nothing_new, no_payments = airflow.runs(*({"at": f"{day}T03:00:00Z"} for day in (KNOWN, LATER, LATEST)))["runs"]
    assert promoted["state"] == "success"
    champion = store.pointer("champion")
    assert champion is not None
    version = champion.version

    assert (nothing_new["state"], tasks_in(nothing_new, "success")) == ("success", {"quality"})
    assert tasks_in(nothing_new, "skipped") == TASKS.keys() - {"quality"}

    assert (no_payments["state"], tasks_in(no_payments, "failed")) == ("failed", {"quality"})
    assert not tasks_in(no_payments, "success")

    promotion.take_back(store, version, "a test", "it did harm")
    (refused,) = airflow.runs({"at": f"{KNOWN}T03:00:00Z"})["runs"]
    assert (refused["state"], tasks_in(refused, "success")) == ("failed", {"quality", "train"})
    assert tasks_in(refused, "failed") == {"judge"}
    champion = store.pointer("champion")
    assert champion is not None
    assert champion.version == before.version
    assert len(store.versions()) == 2, "the same run makes the same version"


def tasks_in(run: Any, state: str) -> set[str]:
    return {name for name, found in run["tasks"].items() if found == state}
