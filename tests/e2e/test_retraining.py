"""The retraining DAG in pods, with the rights of docs/how-to/retrain-with-airflow.md, from quality to a model in the alerts."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from pyarrow import fs

from harness.detector import QUICK_START
from spark_jobs import session
from spark_jobs.settings import S3, Spark
from tests import retraining
from tests.airflow import Airflow
from tests.e2e.cluster import Namespace, Object
from tests.e2e.kafka import Account, Broker, named
from tests.e2e.release import Release
from training.store import ModelStore

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "retrain-with-airflow.md"
STORE, LAKE = "s3a://fraud/models", "s3a://fraud/lake"
START_S = 240.0
TAKEN_UP_S = 60.0
STEPS = {"quality", "backtest", "train", "judge", "promote", "watch"}
VALUES: Object = {
    "detector": {"config": {"trigger": {"interval": "2s"}}},
    "archive": {"enabled": False},  # the lake is there already
    "trainer": {
        "enabled": True,
        "config": {"data": LAKE, "label_delay": retraining.LABEL_DELAY},
        "airflow": {"enabled": True, "params": {"watch": "1m"}},
    },
}


@pytest.fixture
def kubeconfig(namespace: Namespace, tmp_path: Path) -> Iterator[Path]:
    """Airflow's own: of a ServiceAccount with the Role of the docs, and nothing else."""
    block = re.search(r"```yaml\n( *apiVersion: rbac.*?)```", PAGE.read_text(), re.DOTALL)
    assert block
    role, binding = yaml.safe_load_all(dedent(block[1]))
    (subject,) = binding["subjects"]
    for one in (role["metadata"], binding["metadata"], subject):
        one["namespace"] = namespace.name
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": subject["name"]}}
    namespace.apply(account, role, binding)
    found = json.loads(namespace.kubectl("config", "view", "--minify", "--flatten", "--raw", "--output", "json"))
    token = namespace.kubectl("create", "token", subject["name"], "--duration", "1h").strip()
    found["users"] = [{"name": found["users"][0]["name"], "user": {"token": token}}]
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(found))
    yield file
    for one in (binding, role, account):
        namespace.delete(one["apiVersion"], one["kind"], one["metadata"]["name"])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    spark = session.build("lake", Spark(conf=QUICK_START), S3(), 1, folder)
    try:
        return retraining.lake(spark, folder)
    finally:
        spark.stop()


@pytest.mark.timeout(1_200)
def test_the_dag_trains_and_promotes_in_pods_and_alerts_have_the_model(
    release: Callable[[str], Release],
    broker: Broker,
    namespace: Namespace,
    s3: S3,
    bucket: fs.FileSystem,
    lake: Path,
    kubeconfig: Path,
    tmp_path: Path,
) -> None:
    for file in lake.rglob("*.parquet"):
        with bucket.open_output_stream(f"lake/{file.relative_to(lake)}") as out:
            out.write(file.read_bytes())
    retrained, kept = release("retrained"), namespace.everything()
    topics, names = named(retrained.name)
    retrained.apply("s3", VALUES | {"topics": {"names": names}})
    retrained.until_logged("detector started", START_S)
    account = Account(broker, topics)
    account.settle()
    assert set(account.models()) == {None}, "there is no model yet"
    before = retrained.incarnations()

    for name, text in files(namespace, f"{retrained.name}-retraining").items():
        (tmp_path / name).write_text(text)
    connection = {
        "kube_config_path": str(kubeconfig),
        "namespace": namespace.name,
        "xcom_sidecar_container_image": trainer(tmp_path / "pod.yaml"),
    }
    airflow = Airflow(
        tmp_path,
        KUBECONFIG=str(kubeconfig),
        AIRFLOW_CONN_KUBERNETES_DEFAULT=json.dumps({"conn_type": "kubernetes", "extra": connection}),
    )
    first = {"at": f"{retraining.KNOWN}T03:00:00Z"}
    found = airflow.runs(first, {"at": f"{retraining.LATER}T03:00:00Z", "params": {"rules": None}})
    assert found["import_errors"] == {}
    trained, nothing_new = found["runs"]
    assert trained["state"] == "success", found["log"][-20_000:]
    assert succeeded(trained) == STEPS, trained
    assert (nothing_new["state"], succeeded(nothing_new)) == ("success", {"quality"}), nothing_new
    assert nothing_new["tasks"]["train"] == "skipped"

    store = ModelStore(STORE, s3)
    (version,) = store.versions()
    champion = store.pointer("champion")
    assert champion is not None
    assert champion.version == version.version
    assert [(one.action, one.by) for one in store.audit.events()] == [("promoted", "Airflow, nobody was asked")]
    assert version.trained_on is not None
    assert f"{version.trained_on.end:%Y-%m-%d}" < retraining.KNOWN, "it has learnt from another world"
    account.until_scored_by(version.version, TAKEN_UP_S)
    assert retrained.incarnations() == before, "a promotion is no reason to restart anything"
    retrained.uninstall()
    namespace.until_only(kept, 120)


def succeeded(run: Object) -> set[str]:
    """Returns the tasks of a run that have done their work."""
    return {name for name, state in run["tasks"].items() if state == "success"}


def files(namespace: Namespace, name: str) -> dict[str, str]:
    """Returns the files of a ConfigMap."""
    found = namespace.get("v1", "ConfigMap", name)
    assert found is not None, f"there is no ConfigMap {name}"
    data: dict[str, str] = found["data"]
    return data


def trainer(pod: Path) -> str:
    """Returns the image of a pod's container."""
    image: str = yaml.safe_load(pod.read_text())["spec"]["containers"][0]["image"]
    return image
