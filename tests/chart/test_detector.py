"""The detector's pods on every runtime: restarts, drains, memory, slots, images, placement."""

import json
import re

import pytest
import yaml

from charts.render import RUNTIMES
from tests.chart.manifests import Object, find, kinds, objects, spark_pod

SUBMITTED = ("kubeflow", "apache", "none")
DENIED = re.compile(
    r"spark\.(master|kubernetes\.(driver\.master|(driver\.|executor\.)?container\.image|authenticate\..*|namespace))"
)
"""What Kubeflow's webhook (2.5.2) refuses in sparkConf."""


MAX_STATE_MEMORY = "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB"
STATE_DISK = "spark.kubernetes.executor.volumes.emptyDir.spark-local-dir-1"


def console(runtime: str, *arguments: str, values: str | None = None) -> tuple[Object, ...]:
    return objects("--values", "values-console.yaml", "--set", f"runtime={runtime}", *arguments, values=values)


def application(found: tuple[Object, ...]) -> Object:
    (one,) = (one for one in found if one["kind"] in ("SparkApplication", "StatefulSet"))
    return one


def conf(found: tuple[Object, ...], runtime: str) -> dict[str, str]:
    if runtime == "none":
        lines = find(found, "ConfigMap", "fraud-detector")["data"]["spark.properties"].splitlines()
        return dict(line.split("=", 1) for line in lines)
    return application(found)["spec"]["sparkConf"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_has_its_own_objects_and_no_others(runtime: str) -> None:
    ours = {
        "kubeflow": {("SparkApplication", "fraud-detector")},
        "apache": {("SparkApplication", "fraud-detector")},
        "none": {("StatefulSet", "fraud-detector-driver")},
        "ilum": {("ConfigMap", "fraud-ilum")},
    }
    expected = ours.pop(runtime)
    found = kinds(console(runtime))
    assert expected <= found
    assert not found & (set().union(*ours.values()) - expected)


def test_kubeflow_refuses_none_of_the_spark_settings() -> None:
    assert [key for key in conf(console("kubeflow"), "kubeflow") if DENIED.fullmatch(key)] == []


@pytest.mark.parametrize("runtime", ["apache", "none"])
def test_others_need_what_kubeflow_refuses(runtime: str) -> None:
    found = conf(console(runtime, "--set", "images.spark.tag=x"), runtime)
    assert found["spark.kubernetes.container.image"] == "localhost/fraud-detection/spark:x"
    assert found["spark.kubernetes.authenticate.driver.serviceAccountName"] == "fraud-detector"
    assert found["spark.kubernetes.namespace"] == "payments"


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_a_changed_setting_changes_the_application_and_a_new_chart_version_does_not(runtime: str) -> None:
    before = application(console(runtime))["spec"]
    changed = application(console(runtime, "--set", "detector.config.rules.is_fraud.action=review"))["spec"]
    assert changed != before
    assert application(console(runtime, "--set", "topics.names.alerts=mine"))["spec"] != before
    assert "helm.sh/chart" not in yaml.safe_dump(before)


@pytest.mark.parametrize("runtime", SUBMITTED)
@pytest.mark.parametrize(("stop_timeout", "seconds"), [("30s", 30), ("2m", 120), ("1500ms", 2)])
def test_the_drain_outlasts_the_stop_and_the_grace_period_the_drain(runtime: str, stop_timeout: str, seconds: int) -> None:
    pod = spark_pod(console(runtime, "--set", f"detector.config.stop_timeout={stop_timeout}"), "driver")
    (container,) = pod.spec["containers"]
    program, drain = container["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "/opt/fraud/drain"
    assert seconds + 10 <= int(drain) < pod.spec["terminationGracePeriodSeconds"] - 10


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_a_driver_is_ready_once_its_stream_runs_and_is_ended_where_that_hangs(runtime: str) -> None:
    found = console(runtime)
    (driver,) = spark_pod(found, "driver").spec["containers"]
    (port,) = (one["name"] for one in driver["ports"])
    probes = {name: driver[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    paths = {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    assert {name: probe["httpGet"] for name, probe in probes.items()} == {
        name: {"path": path, "port": port} for name, path in paths.items()
    }
    # Spark alone waits for its executors for ten minutes in real-time mode.
    assert probes["startup"]["periodSeconds"] * probes["startup"]["failureThreshold"] == 20 * 60
    # A driver that hangs does not drain: it would wait for a batch that never ends.
    assert probes["liveness"]["terminationGracePeriodSeconds"] < driver_grace(found)
    (executor,) = spark_pod(found, "executor").spec["containers"]
    assert not [key for key in executor if key.endswith("Probe")], "Spark watches its executors itself"


def driver_grace(found: tuple[Object, ...]) -> int:
    seconds: int = spark_pod(found, "driver").spec["terminationGracePeriodSeconds"]
    return seconds


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_java_ends_where_it_is_out_of_memory(runtime: str) -> None:
    assert "-XX:+ExitOnOutOfMemoryError" in conf(console(runtime), runtime)["spark.driver.defaultJavaOptions"]


@pytest.mark.parametrize(("values", "total"), [("2Gi", 2048), ("1280Mi", 1280), ("3Gi", 3072)])
def test_heap_and_overhead_are_the_pods_memory(values: str, total: int) -> None:
    driver = application(console("kubeflow", "--set", f"detector.driver.memory={values}"))["spec"]["driver"]
    heap, overhead = (int(driver[key].removesuffix("m")) for key in ("memory", "memoryOverhead"))
    assert heap + overhead == total
    assert 0.38 < overhead / total < 0.42
    found = console("none", "--set", f"detector.driver.memory={values}")
    assert conf(found, "none")["spark.driver.memory"] == f"{heap}m"
    resources = spark_pod(found, "driver").spec["containers"][0]["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"] == f"{total}Mi"


@pytest.mark.parametrize("runtime", SUBMITTED)
@pytest.mark.parametrize(("memory", "overhead"), [("1Gi", 410), ("1280Mi", 512), ("2Gi", 820), ("8Gi", 3277)])
def test_rocksdb_has_half_of_what_is_not_heap(runtime: str, memory: str, overhead: int) -> None:
    settings = conf(console(runtime, "--set", f"detector.executor.memory={memory}"), runtime)
    limit = int(settings[MAX_STATE_MEMORY])
    assert overhead // 2 == limit
    if runtime != "kubeflow":
        assert settings["spark.executor.memoryOverhead"] == f"{overhead}m"
    assert (
        conf(console(runtime, values=f"detector: {{sparkConf: {{{MAX_STATE_MEMORY}: '64'}}}}"), runtime)[MAX_STATE_MEMORY] == "64"
    )


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_local_state_has_a_disk_of_a_size(runtime: str) -> None:
    settings = conf(console(runtime, "--set", "detector.executor.stateDisk=7Gi"), runtime)
    # Spark takes a volume of such a name for its local folders, and mounts none of its own (its LocalDirsFeatureStep).
    assert settings[f"{STATE_DISK}.options.sizeLimit"] == "7Gi"
    mounted = settings[f"{STATE_DISK}.mount.path"]
    assert mounted not in [
        one["mountPath"] for one in spark_pod(console(runtime), "executor").spec["containers"][0]["volumeMounts"]
    ]


def test_executors_and_slots_are_those_of_the_values() -> None:
    arguments = ("--set", "detector.executor.instances=3", "--set", "detector.executor.slots=5")
    executor = application(console("kubeflow", *arguments))["spec"]["executor"]
    assert (executor["instances"], executor["cores"]) == (3, 5)
    for runtime in ("apache", "none"):
        found = conf(console(runtime, *arguments), runtime)
        assert (found["spark.executor.instances"], found["spark.executor.cores"]) == ("3", "5")


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_real_time_mode_waits_for_all_its_slots(runtime: str) -> None:
    waits = {"spark.scheduler.minRegisteredResourcesRatio": "1.0", "spark.scheduler.maxRegisteredResourcesWaitingTime": "10m"}
    real_time = objects("--values", "values-kafka-alerts.yaml", "--set", f"runtime={runtime}")
    assert waits.items() <= conf(real_time, runtime).items()
    assert not waits.keys() & conf(console(runtime), runtime).keys()


def test_kubeflow_restarts_for_ever_unless_the_run_ends_by_itself() -> None:
    policy = application(console("kubeflow"))["spec"]["restartPolicy"]
    assert (policy["type"], policy["onFailureRetryInterval"]) == ("Always", 1)
    # --set cannot take `interval` out of the overlay's trigger.
    bounded = objects(values="detector: {config: {trigger: {mode: availableNow}}}")
    assert application(bounded)["spec"]["restartPolicy"]["type"] == "OnFailure"


def test_apache_forgets_old_failures() -> None:
    restart = application(console("apache"))["spec"]["applicationTolerations"]["restartConfig"]
    assert restart["restartPolicy"] == "Always"
    assert restart["restartCounterResetMillis"] == 3_600_000


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_the_checkpoint_is_shared_and_kept(runtime: str) -> None:
    found = console(runtime)
    claim = find(found, "PersistentVolumeClaim", "fraud-checkpoint")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    for role in ("driver", "executor"):
        pod = spark_pod(found, role)
        assert {"name": "checkpoints", "persistentVolumeClaim": {"claimName": "fraud-checkpoint"}} in pod.spec["volumes"]
        assert {"name": "checkpoints", "mountPath": "/checkpoints"} in pod.spec["containers"][0]["volumeMounts"]
    # ReadWriteOnce is one node: executors follow the driver there.
    assert "podAffinity" in spark_pod(found, "executor").spec["affinity"]
    spread = console(runtime, "--set", "detector.checkpoint.accessMode=ReadWriteMany")
    assert "affinity" not in spark_pod(spread, "executor").spec


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_a_checkpoint_on_s3_needs_no_volume(runtime: str) -> None:
    found = console(runtime, "--set", "detector.checkpoint.url=s3a://b/c")
    assert not [name for kind, name in kinds(found) if kind == "PersistentVolumeClaim"]
    assert "/checkpoints" not in yaml.safe_dump(spark_pod(found, "driver").spec)
    assert yaml.safe_load(find(found, "ConfigMap", "fraud-detector")["data"]["detector.yaml"])["checkpoint"] == "s3a://b/c"


def test_a_migrated_checkpoint_is_another_folder_of_the_volume() -> None:
    found = console("kubeflow", "--set", "detector.checkpoint.folder=version-2")
    settings = yaml.safe_load(find(found, "ConfigMap", "fraud-detector")["data"]["detector.yaml"])
    assert settings["checkpoint"] == "/checkpoints/version-2"


def test_a_claim_of_the_users_is_used() -> None:
    found = console("kubeflow", "--set", "detector.checkpoint.existingClaim=mine")
    assert not [name for kind, name in kinds(found) if kind == "PersistentVolumeClaim"]
    assert "mine" in yaml.safe_dump(spark_pod(found, "executor").spec["volumes"])


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_images_by_tag_and_by_digest_with_pull_secrets(runtime: str) -> None:
    digest = f"sha256:{'0' * 64}"
    images = f"images: {{spark: {{repository: r/s, tag: x, digest: '{digest}'}}}}"
    found = console(runtime, values=f"{{{images}, pod: {{imagePullSecrets: [mine]}}}}")
    for role in ("driver", "executor"):
        pod = spark_pod(found, role)
        assert pod.spec["containers"][0]["image"] == f"r/s@{digest}"
        assert pod.spec["imagePullSecrets"] == [{"name": "mine"}]


def test_ilum_is_told_all_and_can_split_it() -> None:
    found = objects("--values", "values-kafka-alerts.yaml", "--set", "runtime=ilum")
    told = yaml.safe_load(find(found, "ConfigMap", "fraud-ilum")["data"]["submit.json"])
    settings = dict(pair.split("=", 1) for pair in told["jobConfig"].split(";"))
    assert settings["spark.kubernetes.container.image"] == "localhost/fraud-detection/spark:0.1.0"
    for role in ("driver", "executor"):
        assert settings[f"spark.kubernetes.{role}.secrets.fraud-detector"] == "/etc/kafka/user"
        assert settings[f"spark.kubernetes.{role}.volumes.persistentVolumeClaim.checkpoints.mount.path"] == "/checkpoints"
    assert settings[f"{STATE_DISK}.options.sizeLimit"] == "20Gi"
    assert settings[MAX_STATE_MEMORY] == "410"
    assert told["args"].split(";") == ["--config", "detector.yaml"]


def budgets(found: tuple[Object, ...]) -> dict[str, int]:
    kept = [one for one in found if one["kind"] == "PodDisruptionBudget"]
    return {one["spec"]["selector"]["matchLabels"]["spark-role"]: one["spec"]["minAvailable"] for one in kept}


@pytest.mark.parametrize("runtime", SUBMITTED)
def test_a_drain_takes_one_executor_at_a_time_and_the_driver_where_it_may(runtime: str) -> None:
    assert budgets(console(runtime)) == {}, "a single executor and a driver that may go: a drain waits for nothing"
    found = console(runtime, "--set", "detector.executor.instances=3", "--set", "detector.driver.evictable=false")
    assert budgets(found) == {"driver": 1, "executor": 2}
    for role in ("driver", "executor"):
        selector = find(found, "PodDisruptionBudget", f"fraud-{role}")["spec"]["selector"]["matchLabels"]
        assert selector.items() <= spark_pod(found, role).labels.items()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_driver_and_executors_say_to_each_other_is_encrypted_unless_the_values_say_otherwise(runtime: str) -> None:
    settings = {"spark.authenticate": "true", "spark.network.crypto.enabled": "true", "spark.io.encryption.enabled": "true"}

    def has(*arguments: str) -> dict[str, str]:
        found = console(runtime, *arguments)
        if runtime == "ilum":
            told = json.loads(find(found, "ConfigMap", "fraud-ilum")["data"]["submit.json"])["jobConfig"]
            pairs = dict(pair.split("=", 1) for pair in told.split(";"))
        else:
            pairs = conf(found, runtime)
        return {key: value for key, value in pairs.items() if key in settings}

    assert has() == settings
    assert has("--set", "detector.encryption=false") == {}
