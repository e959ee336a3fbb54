"""Retraining by Airflow: each step's pod is the trainer's own, as the schedule would make it, but for what it is to do."""

import json
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.render import RUNTIMES
from quality.command import CheckSettings
from tests.airflow import PYTHON, environment
from tests.chart.manifests import Object, find, kinds, objects, pods
from tests.chart.test_schemas import VERSIONS, kubernetes_says
from training.backtest import BacktestSettings, load_rules
from training.train_model import TrainSettings

LAKE = "s3a://fraud/lake"
BY_AIRFLOW = ("--set", "trainer.airflow.enabled=true")
HOUSE = """
trainer: {config: {promote: true}, airflow: {params: {approval: true, watch: null}}}
images: {trainer: {repository: registry.example:5000/fraud/trainer, digest: "sha256:%s"}}
kafka: {securityProtocol: SASL_SSL, user: {name: fraud, secret: kafka-user}, caSecret: kafka-ca}
s3: {secret: keys, endpoint: "https://s3.example:9000"}
pod: {nodeSelector: {pool: fraud}, tolerations: [{key: dedicated, operator: Exists}], imagePullSecrets: [registry], cpuLimit: "4"}
pods: {trainer: {annotations: {team: fraud}, env: [{name: SSL_CERT_FILE, value: /etc/house/ca.crt}]}}
""" % ("0" * 64)


def rendered(*arguments: str, runtime: str = "none", values: str | None = HOUSE) -> tuple[Object, ...]:
    chosen = ("--values", "values-console.yaml", "--values", "values-models.yaml", "--set", f"runtime={runtime}")
    return objects(*chosen, "--set", f"trainer.config.data={LAKE}", *arguments, values=values)


def given(found: tuple[Object, ...]) -> dict[str, Any]:
    """Returns the files of the ConfigMap."""
    return {name: yaml.safe_load(text) for name, text in find(found, "ConfigMap", "fraud-retraining")["data"].items()}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_airflow_takes_the_place_of_the_schedule(runtime: str) -> None:
    before, after = (kinds(rendered(*more, runtime=runtime, values=None)) for more in ((), BY_AIRFLOW))
    assert after - before == {("ConfigMap", "fraud-retraining")}
    assert {name for _, name in before - after} == {"fraud-trainer"}
    assert {kind for kind, _ in before - after} == {"ScheduledSparkApplication" if runtime == "kubeflow" else "CronJob"}


def test_the_pod_is_that_of_the_schedule() -> None:
    (scheduled,) = (one for one in pods(rendered()) if one.where == "CronJob fraud-trainer")
    files = given(rendered(*BY_AIRFLOW))
    pod = files["pod.yaml"]
    assert kubernetes_says(deepcopy(pod), VERSIONS[0]) == []
    assert pod["metadata"] == {**scheduled.metadata, "namespace": "payments"}
    told = deepcopy(scheduled.spec)
    told["containers"][0]["args"] = []
    assert pod["spec"] == told
    params = {"data": LAKE, "rules": "/etc/fraud/rules.yaml", "approval": True, "watch": None}
    assert files["retraining.yaml"] == {"schedule": "0 3 * * *", "params": params}


def test_airflow_starts_that_pod_for_each_step(tmp_path: Path) -> None:
    found = rendered(*BY_AIRFLOW)
    for name, text in find(found, "ConfigMap", "fraud-retraining")["data"].items():
        (tmp_path / name).write_text(text)
    program = Path(__file__).parents[1] / "dags" / "pods.py"
    done = subprocess.run([PYTHON, program], env=environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    started = json.loads(done.stdout.splitlines()[-1])
    assert started["import_errors"] == {}
    assert started["schedule"] == "0 3 * * *"
    assert started["params"] == {"challenge_days": 0, **given(found)["retraining.yaml"]["params"]}
    steps = ["quality", "backtest", "train", "judge", "challenge", "judge_challenger", "promote", "watch"]
    assert list(started["pods"]) == steps

    template = given(found)["pod.yaml"]
    for step, pod in started["pods"].items():
        container = pod["spec"]["containers"][0]
        (shell, option, command), container["args"] = container["args"], []
        assert (shell, option) == ("bash", "-c")
        assert command.startswith("set -o pipefail; FRAUD_CONFIG=/etc/fraud/")
        if step == "train":  # it alone tells the others something, by a container beside it
            sidecar = pod["spec"]["containers"].pop()
            assert sidecar["securityContext"] == container["securityContext"]
            assert pod["spec"]["volumes"].pop(0) == {"name": "xcom", "emptyDir": {}}
            assert container["volumeMounts"].pop(0)["name"] == "xcom"
        assert bare(pod["spec"]) == bare(template["spec"]), step
        assert template["metadata"]["labels"].items() <= pod["metadata"]["labels"].items(), "the network policy knows it by them"
        assert (pod["metadata"]["namespace"], pod["metadata"]["annotations"]) == ("payments", template["metadata"]["annotations"])


def test_each_program_of_the_pod_knows_where_things_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in find(rendered(*BY_AIRFLOW), "ConfigMap", "fraud-trainer")["data"].items():
        (home / name).write_text(text)
    trainer = TrainSettings.load(["--config", "trainer.yaml"], "training.train_model")
    assert (trainer.store, trainer.kafka.sasl_username) == ("/models", "fraud")
    backtest = BacktestSettings.load(["--config", "backtest.yaml", f"--from={LAKE}"], "training.backtest")
    assert (backtest.spark.master, backtest.log_dir, backtest.s3) == ("local[1]", None, trainer.s3)
    assert load_rules(home / "rules.yaml")
    monkeypatch.setenv("FRAUD_CONFIG", "trainer.yaml")
    found = CheckSettings.load([], "quality")
    assert (found.store, found.s3) == (trainer.store, trainer.s3)


def bare(node: Any) -> Any:
    """Returns a manifest without what says nothing: empty lists and objects, and false."""
    if isinstance(node, dict):
        return {
            key: bare(value) for key, value in node.items() if value not in ([], {}, False) or key == "automountServiceAccountToken"
        }
    return [bare(one) for one in node] if isinstance(node, list) else node
