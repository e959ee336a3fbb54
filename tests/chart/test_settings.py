"""What the chart writes is what the programs read: their own settings classes parse it, from the arguments that the pods get."""

import json
from pathlib import Path

import pytest
import yaml

from charts.render import EXAMPLE_ARGUMENTS
from configuration import Settings
from contract import Topics, Transaction
from contract.fields import fields_of
from producer.probe import PREFIX, ProbeSettings
from producer.settings import RunSettings, TopicSettings
from spark_jobs.settings import S3, DetectorSettings, RealTimeTrigger
from tests.chart.conftest import COMBINATIONS
from tests.chart.manifests import Object, find, kinds, objects, pods, spark_pod
from watcher.settings import WatcherSettings


def load(kind: type[Settings], found: tuple[Object, ...], arguments: list[str], config_map: str, folder: Path) -> Settings:
    """Returns the settings as the pod's program would read them: its arguments, its mounted file."""
    for name, text in find(found, "ConfigMap", config_map)["data"].items():
        (folder / name).write_text(text)
    return kind.load([one.replace("/etc/fraud", str(folder)) for one in arguments], "test")


def detector_arguments(found: tuple[Object, ...]) -> list[str]:
    for one in found:
        if one["kind"] == "SparkApplication":
            assert (one["spec"].get("mainApplicationFile") or one["spec"]["pyFiles"]) == "local:///app/spark_jobs/detect_fraud.py"
            return one["spec"].get("arguments") or one["spec"]["driverArgs"]
        if one["kind"] == "StatefulSet" and one["metadata"]["name"].endswith("-detector-driver"):
            arguments = one["spec"]["template"]["spec"]["containers"][0]["args"]
            return arguments[arguments.index("/app/spark_jobs/detect_fraud.py") + 1 :]
    return ["--config", "/etc/fraud/detector.yaml"]  # Ilum: sent along as a file


def detector(found: tuple[Object, ...], folder: Path) -> DetectorSettings:
    settings = load(DetectorSettings, found, detector_arguments(found), "fraud-detector", folder)
    assert isinstance(settings, DetectorSettings)
    return settings


@pytest.mark.parametrize("name", COMBINATIONS)
def test_the_detector_reads_its_settings(name: str, home: Path) -> None:
    settings = detector(objects(*COMBINATIONS[name]), home)
    assert settings.log_dir is None
    assert (settings.metrics.host, settings.metrics.port) == ("::", 8000)
    assert settings.checkpoint == "/checkpoints/detect_fraud" or settings.checkpoint.startswith("s3a://")


def test_s3_reaches_the_detector(home: Path) -> None:
    settings = detector(objects(*COMBINATIONS["s3-kubeflow"]), home)
    assert settings.s3 == S3(endpoint="http://s3:9000", region="us-east-1", path_style=True, credentials_dir=Path("/etc/s3"))
    assert settings.s3a_paths == ("s3a://fraud/checkpoint", "s3a://fraud/models")


def test_values_reach_the_detector(home: Path) -> None:
    values = """
    kafka: {bootstrapServers: "a:1,b:2"}
    topics: {names: {alerts: mine}}
    detector:
      config: {max_offsets: 12345678, stop_timeout: 90s, limits: {max_bytes: 2000}, rules: {r: {when: "1 = 1", reason: why}}}
      sparkConf: {spark.sql.streaming.minBatchesToRetain: "8"}
    """
    found = objects(values=values)
    settings = detector(found, home)
    assert settings.kafka.bootstrap_servers == "a:1,b:2"
    assert settings.topics.alerts == "mine"
    assert (settings.max_offsets, settings.limits.max_bytes, settings.stop_timeout.total_seconds()) == (12345678, 2000, 90)
    assert settings.rules.keys() == {"r", "helm_test"}
    # Both: at the submission, and over the detector's own when it makes its session.
    conf = find(found, "SparkApplication", "fraud-detector")["spec"]["sparkConf"]
    name = "spark.sql.streaming.minBatchesToRetain"
    assert settings.spark.conf[name] == conf[name] == "8"


def test_real_time_mode_is_read(home: Path) -> None:
    assert isinstance(detector(objects("--values", "values-kafka-alerts.yaml"), home).trigger, RealTimeTrigger)


def test_alerts_are_printed_where_the_values_say_so(home: Path) -> None:
    printed = {file: detector(objects("--values", f"values-{file}.yaml"), home).console.enabled for file in FILES}
    assert printed == {"console": True, "kafka-alerts": False, "s3": False, "prod": False}


def test_the_probe_has_its_rule(home: Path) -> None:
    rule = detector(objects(), home).rules["helm_test"]
    assert rule.when == f"transaction_id LIKE '{PREFIX}%'"


def test_what_runs_in_the_producers_image_reads_its_settings(rendered: tuple[Object, ...], home: Path) -> None:
    kinds = {"run": RunSettings, "topics": TopicSettings, "probe": ProbeSettings}
    for pod in pods(rendered):
        (container,) = pod.spec["containers"]
        if not container["image"].startswith("localhost/fraud-detection/producer") or container["name"] == "application":
            continue
        (config_map,) = (volume["configMap"]["name"] for volume in pod.spec["volumes"] if volume["name"] == "settings")
        if container["name"] == "watcher":
            assert container["command"] == ["tini", "--", "python3", "-m", "watcher"]
            load(WatcherSettings, rendered, container["args"], config_map, home)
        else:
            program, *arguments = container["args"]
            load(kinds[program], rendered, arguments, config_map, home)


def test_producers_are_what_the_values_say(home: Path) -> None:
    found = objects("--values", "values-console.yaml")
    for name, rate in (("normal", 50), ("hacker", 5)):
        settings = load(RunSettings, found, ["--config", "/etc/fraud/producer.yaml"], f"fraud-producer-{name}", home)
        assert isinstance(settings, RunSettings)
        assert (settings.traffic, settings.rate) == (name, rate)
        deployment = find(found, "Deployment", f"fraud-producer-{name}")
        assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]["type"]) == (1, "Recreate")
    deployments = {name for kind, name in kinds(objects()) if kind == "Deployment"}
    assert deployments == {"fraud-watcher"}, "no synthetic payments unless they are asked for"


FILES = ("console", "kafka-alerts", "s3", "prod")
TLS = {
    "Strimzi": ("values-kafka-alerts.yaml", {"/etc/kafka/ca": "fraud-cluster-ca-cert", "/etc/kafka/user": "fraud-detector"}),
    "SASL_SSL": ("values-prod.yaml", {"/etc/kafka/user": "fraud-kafka-detector"}),
    "S3": ("values-s3.yaml", {"/etc/s3": "s3-credentials"}),
}


@pytest.mark.parametrize("name", TLS)
@pytest.mark.parametrize("role", ["driver", "executor"])
def test_secrets_are_files_in_driver_and_executor(name: str, role: str) -> None:
    file, expected = TLS[name]
    found = objects("--values", file)
    pod = spark_pod(found, role)
    (container,) = pod.spec["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    secrets = {mounts[one["name"]]: one["secret"]["secretName"] for one in pod.spec["volumes"] if "secret" in one}
    assert secrets == expected
    told = yaml.safe_load(find(found, "ConfigMap", "fraud-detector")["data"]["detector.yaml"])
    files = [value for key, value in {**told["kafka"], **told.get("s3", {})}.items() if key.endswith(("_file", "_dir"))]
    assert {file for file in files if not file.startswith(tuple(secrets))} == set()
    assert files


def test_each_component_may_have_its_own_identity() -> None:
    values = """
    kafka:
      securityProtocol: SSL
      caSecret: ca
      user: {secret: everyone}
      users: {producer: {secret: producers}}
      keys: {certificate: tls.crt, key: tls.key}
    """
    found = objects("--values", "values-console.yaml", values=values)
    secrets = {
        pod.labels["app.kubernetes.io/component"]: next(
            one["secret"]["secretName"] for one in pod.spec["volumes"] if one["name"] == "kafka-user"
        )
        for pod in pods(found)
        if any(one["name"] == "kafka-user" for one in pod.spec["volumes"])
    }
    assert secrets == {
        "detector": "everyone",
        "producer": "producers",
        "watcher": "everyone",
        "topics": "everyone",
        "test": "everyone",
    }
    told = yaml.safe_load(find(found, "ConfigMap", "fraud-producer-normal")["data"]["producer.yaml"])["kafka"]
    assert (told["certificate_file"], told["key_file"]) == ("/etc/kafka/user/tls.crt", "/etc/kafka/user/tls.key")


def test_each_component_says_its_own_name() -> None:
    values = """
    kafka:
      securityProtocol: SASL_SSL
      user: {name: everyone, secret: s}
      users: {producer: {name: producer}, topics: {name: topics}, test: {name: test}}
    """
    found = objects("--values", "values-console.yaml", values=values)
    told = {
        file: yaml.safe_load(text)["kafka"]
        for one in found
        if one["kind"] == "ConfigMap"
        for file, text in one["data"].items()
        if file.endswith(".yaml")
    }
    names = {file: kafka["sasl_username"] for file, kafka in told.items()}
    own = {"producer.yaml": "producer", "topics.yaml": "topics", "probe.yaml": "test"}
    assert names == {"detector.yaml": "everyone", "watcher.yaml": "everyone", **own}
    assert {kafka["sasl_password_file"] for kafka in told.values()} == {"/etc/kafka/user/password"}


def test_strimzi_makes_the_topics_of_the_contract() -> None:
    found = objects(*EXAMPLE_ARGUMENTS["strimzi"], "--set", "topics.partitions=7", "--set", "topics.names.alerts=mine")
    made = {
        one["spec"]["topicName"]: (one["spec"]["partitions"], one["spec"]["config"]) for one in found if one["kind"] == "KafkaTopic"
    }
    assert made == {spec.name: (spec.partitions, spec.settings) for spec in Topics(alerts="mine").specs(7)}
    assert not [one for one in found if one["kind"] == "Job"]


FROM_FILES = """
kafka: {securityProtocol: SSL, strimzi: {cluster: fraud, createUsers: true}}
detector:
  config: {trigger: {mode: availableNow}, console: {enabled: false}, input: {files: {folder: s3a://fraud/inbox}}}
"""


def test_a_user_may_do_what_its_component_does() -> None:
    found = objects("--values", "values-kafka-alerts.yaml")
    topics = Topics()

    def may(user: str, operation: str, kind: str = "topic") -> set[str]:
        acls = find(found, "KafkaUser", user)["spec"]["authorization"]["acls"]
        return {acl["resource"]["name"] for acl in acls if operation in acl["operations"] and acl["resource"]["type"] == kind}

    assert may("fraud-detector", "Write") == {*topics.outputs(), topics.rulesets}
    assert may("fraud-detector", "Read") == set(topics.inputs())
    assert may("fraud-detector", "Read", "group") == {"spark-kafka-source"}
    assert may("fraud-producer", "Write") == set(topics.inputs())
    assert may("fraud-producer", "Read") == set()
    assert may("fraud-watcher", "Read") == {topics.transactions, *topics.outputs()}
    assert (may("fraud-watcher", "Write"), may("fraud-watcher", "Read", "group")) == (set(), {"fraud-watcher"})
    assert (may("fraud-test", "Write"), may("fraud-test", "Read")) == ({topics.transactions}, {topics.alerts})

    # The console reads the alerts back, in a group of its own.
    found = objects("--values", "values-kafka-alerts.yaml", values="detector: {config: {console: {enabled: true, group: mine}}}")
    assert may("fraud-detector", "Read") == {*topics.inputs(), topics.alerts}
    assert may("fraud-detector", "Write") == {*topics.outputs(), topics.rulesets}
    assert may("fraud-detector", "Read", "group") == {"spark-kafka-source", "mine"}

    # Files are brought to an input topic by the detector.
    found = objects(values=FROM_FILES)
    assert may("fraud-detector", "Write") == {*topics.outputs(), topics.rulesets, topics.files, topics.transactions}
    assert may("fraud-detector", "Read") == {*topics.inputs(), topics.files}
    assert may("fraud-detector", "Write", "transactionalId") == {"fraud-files-fraud.files"}


MAPPED = """
trainer: {enabled: true}
models: {store: volume}
detector:
  inputSecret: payments
  config:
    input:
      registry: {url: "https://registry.example:8443", ca_file: /etc/input/ca.crt}
      card_key_file: /etc/input/card-key
      transactions:
        - {topic: web, format: avro, fields: {FIELDS}}
        - {topic: tills, format: avro, fields: {FIELDS}}
"""


def mapped_values() -> str:
    return MAPPED.replace("{FIELDS}", json.dumps({one.name: "$.x" for one in fields_of(Transaction) if one.required}))


def test_mapped_topics_reach_detector_and_trainer_with_rights_and_files(home: Path) -> None:
    found = objects("--values", "values-kafka-alerts.yaml", values=mapped_values())
    settings = detector(found, home)
    topics = ("web", "tills", "transactions.labels", "customers", "merchants")
    assert settings.input_topics == topics
    trainer = yaml.safe_load(find(found, "ConfigMap", "fraud-trainer")["data"]["trainer.yaml"])
    assert trainer["input"] == yaml.safe_load(find(found, "ConfigMap", "fraud-detector")["data"]["detector.yaml"])["input"]
    for user, watched in (("fraud-detector", set()), ("fraud-trainer", {"transactions.scored"})):
        acls = find(found, "KafkaUser", user)["spec"]["authorization"]["acls"]
        read = {acl["resource"]["name"] for acl in acls if "Read" in acl["operations"] and acl["resource"]["type"] == "topic"}
        assert read == {*topics, *watched}, "a trainer watches what its model does to payments"
    for policy in ("fraud-detector", "fraud-trainer"):
        rules = find(found, "NetworkPolicy", policy)["spec"]["egress"]
        assert 8443 in {port["port"] for rule in rules for port in rule.get("ports", [])}


def test_the_input_secret_is_mounted_where_it_is_read() -> None:
    found = objects("--values", "values-kafka-alerts.yaml", values=mapped_values())
    told = json.dumps(found, default=str)
    assert told.count('"mountPath": "/etc/input"') >= 3, "driver, executors, trainer"
