"""The DAG as Airflow runs it, in its own environment, with the commands as they are: train, ask, promote; skip; refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from harness.detector import QUICK_START
from spark_jobs.settings import S3
from tests import retraining
from tests.airflow import Airflow
from tests.models import added
from tests.retraining import KNOWN, LABEL_DELAY, LATER
from training import promotion
from training.store import ModelStore

LATEST = "2018-05-01"
"""When there are no payments any more."""
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


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return retraining.lake(spark, tmp_path_factory.mktemp("lake"))


class Laptop:
    """A model store whose champion, `before`, is weak, and an Airflow in a folder of its own that has the DAG's commands use it."""

    def __init__(self, folder: Path, lake: Path) -> None:
        self.store = ModelStore(str(folder / "models"), S3())
        self.before = added(self.store, average_precision=0.01)
        promotion.force(self.store, self.before.version, "a test", "somebody was champion", None)
        (folder / "retraining.yaml").write_text(yaml.safe_dump({"schedule": None, "params": {"data": str(lake), "watch": None}}))
        self.airflow = Airflow(
            folder,
            FRAUD_STORE=self.store.place,
            FRAUD_MODELS__STORE=self.store.place,
            FRAUD_LABEL_DELAY=LABEL_DELAY,
            FRAUD_SPARK__CONF=json.dumps(QUICK_START),
        )


@pytest.fixture
def laptop(lake: Path, tmp_path: Path) -> Laptop:
    return Laptop(tmp_path, lake)


@pytest.mark.timeout(600)
def test_what_a_person_approves_is_promoted(laptop: Laptop) -> None:
    airflow, store, before = laptop.airflow, laptop.store, laptop.before

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
def test_a_run_skips_where_nothing_is_new_and_fails_where_something_is_wrong(laptop: Laptop) -> None:
    airflow, store, before = laptop.airflow, laptop.store, laptop.before
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
