"""What cannot work is refused before anything is installed, with a sentence that names the place."""

import json

import pytest

from charts.render import render
from spark_jobs.settings import DetectorSettings

SASL = "kafka: {securityProtocol: SASL_SSL}"
ON_A_VOLUME = "models: {store: volume}"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ("detectr: {}", "additional properties 'detectr' not allowed"),
        ("runtime: yarn", "'/runtime': value must be one of 'kubeflow', 'apache', 'ilum', 'none'"),
        ("runtime: [kubeflow, none]", "'/runtime': got array, want string"),
        ("detector: {executor: {cores: 4}}", "'/detector/executor': additional properties 'cores' not allowed"),
        ("detector: {config: {triger: {mode: realTime}}}", "'/detector/config': additional properties 'triger' not allowed"),
        ("detector: {config: {trigger: {mode: sometimes}}}", "'/detector/config/trigger/mode': value must be one of"),
        (
            "detector: {config: {trigger: {mode: realTime, interval: 1s}}}",
            "/trigger': additional properties 'interval' not allowed",
        ),
        ("detector: {config: {trigger: {interval: 1s}}}", "'/detector/config/trigger': missing property 'mode'"),
        ("detector: {config: {stop_timeout: ten seconds}}", "'/detector/config/stop_timeout'"),
        ("detector: {config: {rules: {r: {when: x}}}}", "'/detector/config/rules/r': missing property 'reason'"),
        ("detector: {config: {sinks: {k: {type: kafka}}}}", "'/detector/config': additional properties 'sinks' not allowed"),
        ("detector: {config: {console: {enabled: 'no'}}}", "'/detector/config/console/enabled': got string, want boolean"),
        ("detector: {config: {kafka: {bootstrap_servers: x}}}", "additional properties 'kafka' not allowed"),
        ("producers: {p: {config: {trafic: hacker}}}", "'/producers/p/config': additional properties 'trafic' not allowed"),
        ("producers: {p: {replicas: 2}}", "'/producers/p': additional properties 'replicas' not allowed"),
        ("kafka: {user: {password: x}}", "'/kafka/user': additional properties 'password' not allowed"),
        ("kafka: {bootstrapServers: somewhere}", "'/kafka/bootstrapServers'"),
        ("detector: {checkpoint: {url: hdfs://x}}", "'/detector/checkpoint/url'"),
        ("detector: {sparkConf: {spark.x: 1}}", "'/detector/sparkConf/spark.x': got number, want string"),
        ("detector: {driver: {memory: 512Mi}}", "detector.driver.memory is 512Mi: Spark needs at least 1Gi"),
        ("detector: {sparkConf: {spark.kubernetes.container.image: x}}", "spark.kubernetes.container.image is the chart's to set"),
        (
            "{topics: {partitions: 3}, detector: {config: {trigger: {mode: realTime}}, executor: {instances: 1, slots: 11}}}",
            "state_partitions (2) for each of the two stateful steps: 12. detector.executor has instances x slots = 11",
        ),
        (
            "detector: {config: {trigger: {mode: realTime}, state_partitions: 3}, executor: {instances: 1, slots: 11}}",
            "state_partitions (3) for each of the two stateful steps: 12. detector.executor has instances x slots = 11",
        ),
        (
            "detector: {config: {state_partitions: 7}, executor: {memory: 1Gi}}",
            "(2 x detector.config.state_partitions / detector.executor.instances), and for all of them 205 MiB, a fifth",
        ),
        (
            "detector: {sparkConf: {spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB: '500'}, executor: {memory: 1Gi}}",
            "rocksdb.maxMemoryUsageMB is 500, and of detector.executor.memory (1Gi) only 410 MiB are not heap",
        ),
        ("detector: {executor: {stateDisk: plenty}}", "'/detector/executor/stateDisk'"),
        ("{runtime: none, detector: {config: {trigger: {mode: availableNow}}}}", "runtime none would start it over and over"),
        ("models: {publicKeySecret: ours}", "there are no models whose signatures could be asked for. Set models.store too"),
        (
            "{models: {store: volume, publicKeySecret: ours}, trainer: {enabled: true, config: {data: kafka, promote: true}}}",
            "the trainer promotes models that it does not sign",
        ),
        (SASL, "SASL_SSL needs a name and a Secret for detector"),
        ("kafka: {strimzi: {createUsers: true}}", "kafka.strimzi.cluster is empty"),
        ("kafka: {strimzi: {cluster: k, createUsers: true}}", "Strimzi's users have certificates"),
        ("models: {store: here}", "'/models/store'"),
        ("models: {volume: {accessMode: ReadWriteOncePod}}", "'/models/volume/accessMode': value must be one of"),
        ("models: {volume: {existingClaim: mine}}", "models.volume.existingClaim is not used where models.store is none"),
        ("detector: {config: {models: {store: /x}}}", "'/detector/config/models': additional properties 'store' not allowed"),
        ("trainer: {enabled: true}", "there is nowhere to keep what it learns. Set models.store to volume"),
        (
            f"{{{ON_A_VOLUME}, trainer: {{enabled: true, config: {{data: /history}}}}}}",
            'trainer.config.data is "/history", a folder',
        ),
        (f"{{{ON_A_VOLUME}, trainer: {{enabled: true, memory: 1Gi}}}}", "trainer.memory is 1Gi: Spark and the libraries"),
        (f"{{{ON_A_VOLUME}, trainer: {{airflow: {{enabled: true}}}}}}", "there is no trainer. Set trainer.enabled too"),
        (
            f"{{{ON_A_VOLUME}, trainer: {{enabled: true, airflow: {{enabled: true}}}}}}",
            "the DAG checks an archive and learns from it. Set trainer.config.data",
        ),
        ("trainer: {airflow: {params: {aproval: true}}}", "additional properties 'aproval' not allowed"),
        ("trainer: {schedule: at night}", "'/trainer/schedule'"),
        ("trainer: {config: {store: /x}}", "'/trainer/config': additional properties 'store' not allowed"),
        ("trainer: {config: {family: neural}}", "'/trainer/config/family': value must be one of"),
        ("{runtime: ilum, detector: {sparkConf: {spark.x: 'a;b'}}}", "spark.x has a semicolon"),
    ],
)
def test_it_is_refused(values: str, says: str) -> None:
    with pytest.raises(ValueError, match="Error") as caught:
        render(values=values)
    assert says in str(caught.value)


@pytest.mark.parametrize("release", ["1st", "a" * 41])
def test_a_release_whose_pods_could_not_be_named_is_refused(release: str) -> None:
    with pytest.raises(ValueError, match="must begin with a letter"):
        render(release=release)


def test_a_release_whose_training_runs_could_not_be_named_is_refused() -> None:
    models = ("--values", "values-models.yaml")
    render(*models, release="a" * 35)
    render(*models, "--set", "runtime=none", release="a" * 40)
    with pytest.raises(ValueError, match="the operator could not name a run of the trainer"):
        render(*models, release="a" * 36)


@pytest.mark.parametrize(("partitions", "state_partitions"), [(1, 1), (3, None), (6, 4)])
def test_slots_that_the_detector_asks_for_are_enough(partitions: int, state_partitions: int | None) -> None:
    config = {"trigger": {"mode": "realTime"}, **({"state_partitions": state_partitions} if state_partitions else {})}
    needed = DetectorSettings.model_validate(config).slots(2 * partitions + 2)

    def with_slots(slots: int) -> str:
        return json.dumps({"topics": {"partitions": partitions}, "detector": {"config": config, "executor": {"slots": slots}}})

    render(values=with_slots(needed))
    with pytest.raises(ValueError, match="in a slot"):
        render(values=with_slots(needed - 1))


def test_memory_that_is_enough_for_the_state_stores_is() -> None:
    render(values="detector: {config: {state_partitions: 6}, executor: {memory: 1Gi}}")
    render(values="detector: {config: {state_partitions: 12}, executor: {memory: 1Gi, instances: 2}}")
