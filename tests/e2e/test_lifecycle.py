"""From install to uninstall, with and without an operator: alerts, models, a changed rule, crashes, a mistake, and nothing lost.

The tests of this file are one release's life, in the order in which they stand. Those marked `core` are a life too, a short one.
"""

import json
import re
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e import stranger
from tests.e2e.cluster import Namespace, Object
from tests.e2e.kafka import Account, Broker, named
from tests.e2e.release import Release
from tests.models import linear

DOCS = Path(__file__).parents[2] / "docs"
FIRST_ALERT_S = 120.0
START_S = 180.0
HISTORY_S = 300.0
TRAINED_S = 420.0
TAKEN_UP_S = 60.0
MODELS: Object = {
    "models": {"store": "volume", "volume": {"size": "64Mi"}},
    # Labels that are there at once: four days suffice.
    "trainer": {
        "enabled": True,
        "schedule": "@yearly",
        "config": {"family": "decision_tree", "label_delay": "0s", "promote": True},
    },
}
FRAUD_MODELS = "python3 -m training.models"
HISTORY: Object = {"normal": {"config": {"traffic": "all", "backfill": "5d", "label_delay": "0s"}}}
LOAD: Object = {"normal": {"config": {"rate": 200, "ledger": "/tmp/ledger"}}}
core_on_kubeflow = pytest.mark.parametrize("life", [pytest.param("kubeflow", marks=pytest.mark.core), "none"], indirect=True)
"""For a test that runs on both runtimes, and is core on the one that most people use."""


def rules(when: str) -> Object:
    """Returns values of the detector with one more rule."""
    return {"config": {"rules": {"changed": {"when": when, "action": "review", "reason": "Of this test"}}}}


def failing(application: Object | None) -> bool:
    """Returns whether the operator says that the application fails, and why."""
    state = application["status"]["applicationState"] if application else {}
    return state.get("state") in ("FAILING", "PENDING_RERUN") and "ExitCode: 1" in state.get("errorMessage", "")


class Life:
    """A release, the account of its topics, and what was in the namespace before it."""

    def __init__(self, release: Release, broker: Broker) -> None:
        self.release, self.broker = release, broker
        topics, names = named(release.name)
        self.account = Account(broker, topics)
        self.before = release.namespace.everything()
        self.values: Object = {"topics": {"names": names}, **MODELS}
        self.has_model = False

    def apply(self, **changes: Object) -> None:
        """Installs or upgrades; what was changed stays changed."""
        self.values |= changes
        self.release.apply("console", self.values)

    def restarted(self, change: Callable[[], None]) -> None:
        """Returns once a change has led to a driver that has started its query."""
        before = self.release.incarnation()
        change()
        self.release.until_running(self.release.driver, START_S, other_than=before)
        self.release.until_logged("detector started", START_S)

    def pods(self, label: str) -> list[str]:
        """Returns the names of the release's running pods with a label."""
        found = self.release.namespace.list("v1", "Pod", f"app.kubernetes.io/instance={self.release.name},{label}")
        return [pod["metadata"]["name"] for pod in found if pod["status"]["phase"] == "Running"]


@pytest.fixture(scope="module", params=["kubeflow", "none"])
def life(request: pytest.FixtureRequest, release: Callable[[str, str], Release], broker: Broker) -> Life:
    return Life(release(f"on-{request.param}", request.param), broker)


@pytest.mark.core
def test_the_first_alert_is_in_the_drivers_log_soon(life: Life, namespace: Namespace) -> None:
    began = time.monotonic()
    life.apply()
    found = life.release.until_logged(r"^Fraud transaction detected => (.*)", FIRST_ALERT_S)
    took = time.monotonic() - began
    print(f"first alert after {took:.0f} s")
    assert json.loads(found[1])["decision"] in ("review", "decline")
    assert took < FIRST_ALERT_S


@pytest.mark.parametrize(
    "life", ["kubeflow"], indirect=True
)  # three minutes: the other runtime has the same store and the same pods
def test_a_promotion_is_in_the_alerts_without_a_restart(life: Life) -> None:
    life.apply(producers=HISTORY)
    life.account.settle(HISTORY_S)
    assert set(life.account.models()) == {None}, "there is no model yet"
    before = life.release.incarnations()
    began = time.monotonic()
    printed = life.release.train(TRAINED_S)
    first = re.search(r" champion .*version=(\S+)", printed)
    assert first, printed
    print(f"trained within {time.monotonic() - began:.0f} s")
    life.account.until_scored_by(first[1], TAKEN_UP_S)
    life.has_model = True

    model = b64encode(linear(2)).decode()
    manifest = json.dumps({"features": ["is_weekend", "is_night"], "thresholds": {}})
    with life.release.models() as run:
        run(f"cd /tmp; base64 --decode <<<{model} >own.onnx; echo '{manifest}' >own.json")
        added = json.loads(run(f"{FRAUD_MODELS} add /tmp/own.onnx --manifest /tmp/own.json --json 2>/dev/null"))["version"]
        assert added in run(f"{FRAUD_MODELS} promote {added} --force --reason 'of this test'")
        life.account.until_scored_by(added, TAKEN_UP_S)
        assert first[1] in run(f"{FRAUD_MODELS} rollback")
        life.account.until_scored_by(first[1], TAKEN_UP_S)
    assert life.release.incarnations() == before, "a promotion is no reason to restart anything"


@core_on_kubeflow
def test_helm_test_sees_an_alert_with_its_score_and_cleans_up(life: Life, namespace: Namespace) -> None:
    printed = life.release.test()
    score = r", fraud_score [01]\.\d+ by decision_tree-" if life.has_model else ""
    assert re.search(rf"alert after \d+ ms{score}", printed), printed
    assert not [name for name in namespace.everything() if name.startswith(f"Pod/{life.release.name}-test")]


@core_on_kubeflow
def test_a_pod_beside_it_reaches_nothing_but_what_it_may(life: Life, namespace: Namespace) -> None:
    """Where the cluster enforces policies: of all that listens in driver and executor, metrics, block managers and more."""
    (executor, *_) = life.pods("spark-role=executor")
    ports = {name: stranger.listening(namespace, name) for name in (life.release.driver, executor)}
    every = set().union(*ports.values())
    metrics = {one for one in ports[life.release.driver] if one.endswith(":8000")}
    assert metrics
    assert len(ports[life.release.driver]) > 2
    assert ports[executor]
    with stranger.pod(namespace, "stranger", {}) as name:
        assert stranger.reached(namespace, name, every) == set()
    with stranger.pod(namespace, "reader", stranger.READER) as name:
        assert stranger.reached(namespace, name, every) == metrics


@core_on_kubeflow
def test_a_changed_rule_under_load_repeats_nothing_and_loses_nothing(life: Life, namespace: Namespace) -> None:
    driver = life.release.incarnation()
    life.apply(producers=LOAD)
    life.account.settle()
    assert life.release.incarnation() == driver, "other traffic is no reason to restart the detector"
    old = life.account.versions()
    life.restarted(lambda: life.apply(detector=rules("amount > 100")))
    life.account.settle()
    assert len(life.account.versions() - old) == 1, "the new rule is not in force"
    assert life.account.repeats == 0, "the old driver was not drained: what it had begun was done twice"
    acknowledged = {
        name for pod in life.pods("fraud-detection/producer=normal") for name in namespace.run(pod, "cat", "/tmp/ledger").split()
    }
    life.account.settle()
    assert not acknowledged - life.account.sent, "Kafka lost what it had acknowledged"
    assert len(acknowledged) > 1_000, "no load"


@core_on_kubeflow
def test_a_crash_of_the_driver_loses_nothing(life: Life, namespace: Namespace) -> None:
    life.restarted(lambda: namespace.kill(life.release.driver))
    life.account.settle()
    assert not life.account.rejected()


@pytest.mark.parametrize("victim", ["executor", "broker and producer"])
def test_a_crash_loses_nothing(life: Life, namespace: Namespace, victim: str) -> None:
    if victim == "executor":
        namespace.kill(life.pods("spark-role=executor")[0])
    else:
        life.broker.kill()
        namespace.delete("v1", "Pod", life.pods("fraud-detection/producer=normal")[0])
    life.account.settle()
    assert not life.account.rejected()


def test_a_broken_rule_is_seen_and_its_repair_loses_nothing(life: Life, namespace: Namespace) -> None:
    before = life.release.incarnation()
    life.apply(detector=rules("amount >"), test={"timeout": "1m"})
    life.release.until_running(life.release.driver, START_S, other_than=before)
    message = life.release.until_logged("^error: .*", START_S)[0]
    assert "changed" in message
    printed = life.release.test(check=False)
    assert "no alert for it" in printed or "does not run" in printed, printed
    if life.release.runtime == "kubeflow":
        namespace.wait("sparkoperator.k8s.io/v1beta2", "SparkApplication", life.release.application, failing, START_S)
        # The operator loses a repair that comes while it submits the next attempt: docs/how-to/troubleshoot-kubernetes.md.
        life.release.until_running(life.release.driver, START_S, other_than=life.release.incarnation())
    life.restarted(lambda: life.apply(detector=rules("amount > 100")))
    life.account.settle()


@pytest.mark.parametrize("life", ["kubeflow"], indirect=True)
def test_a_migration_as_the_docs_have_it_gives_a_new_checkpoint_the_history(life: Life, namespace: Namespace) -> None:
    repeats, image = life.account.repeats, namespace.image(life.release.driver)
    driver = life.release.incarnation()
    text = (DOCS / "how-to" / "change-features.md").read_text().partition("## On Kubernetes")[2]
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert block
    named = block[1].replace("RELEASE", life.release.name).replace("IMAGE", image)
    printed = namespace.shell(named)
    moved = re.search(r"^card: ([\d,]+) keys", printed, re.MULTILINE)
    assert moved, printed
    assert moved[1] != "0"
    namespace.wait("v1", "Pod", "migrate", lambda found: bool(found) and found["status"]["phase"] == "Succeeded", START_S)
    namespace.delete("v1", "Pod", "migrate")
    life.apply(detector=rules("amount > 100") | {"checkpoint": {"folder": "version-2"}})
    life.release.until_running(life.release.driver, START_S, other_than=driver)
    life.release.until_logged("detector started", START_S)
    life.account.settle()
    assert life.account.repeats == repeats, "what the old detector had published is published again"


@pytest.mark.core
def test_uninstall_leaves_checkpoint_and_models_alone(life: Life, namespace: Namespace) -> None:
    life.release.uninstall()
    kept = life.before | {f"PersistentVolumeClaim/{life.release.name}-{claim}" for claim in ("checkpoint", "models")}
    namespace.until_only(kept, 120)
