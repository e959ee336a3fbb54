"""Settings: who wins, what is refused, and that no value is ever shown."""

from datetime import timedelta
from pathlib import Path

import pytest

from configuration import InvalidSettings, KafkaConnection
from producer.settings import DatasetSettings, RunSettings
from spark_jobs.settings import AvailableNowTrigger, DetectorSettings, MicroBatchTrigger, RealTimeTrigger


def detector(*arguments: str) -> DetectorSettings:
    return DetectorSettings.load(arguments, "detector")


def refusal(*arguments: str) -> str:
    with pytest.raises(InvalidSettings) as caught:
        detector(*arguments)
    return str(caught.value)


def test_command_line_beats_environment_beats_file_beats_default(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("d.yaml").write_text("checkpoint: file\nmax_offsets: 7\nlimits: {max_bytes: 2000}\n")
    monkeypatch.setenv("FRAUD_CHECKPOINT", "environment")
    monkeypatch.setenv("FRAUD_LIMITS__MAX_AGE", "1d")
    settings = detector("--config", "d.yaml")
    assert (settings.checkpoint, settings.max_offsets, settings.limits.max_bytes) == ("environment", 7, 2000)
    assert settings.limits.max_age == timedelta(days=1)
    assert settings.limits.max_future == timedelta(minutes=10)
    assert detector("--config=d.yaml", "--checkpoint", "line").checkpoint == "line"


def test_the_file_may_be_named_by_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("d.yaml").write_text("checkpoint: file\n")
    monkeypatch.setenv("FRAUD_CONFIG", "d.yaml")
    assert detector().checkpoint == "file"


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("chekpoint: x", "`chekpoint` is not a setting, the nearest name is `checkpoint`"),
        ("limits: {max_byte: 2000}", "`limits.max_byte` is not a setting, the nearest name is `max_bytes`"),
        ("kafka: {password: hunter2}", "`kafka.password` is not a setting"),
        ("rules: {a: {wen: x, reason: y}}", "`rules.a.wen` is not a setting, the nearest name is `when`"),
        ("trigger: {mode: sometimes}", "trigger"),
        ("spark: {conf: {spark.sql.ansi.enabled: 'true'}}", "`spark.sql.ansi.enabled` cannot be set here: with it on a rule"),
        ("spark: {conf: {spark.sql.session.timeZone: CET}}", "`spark.sql.session.timeZone` cannot be set here: all times are UTC"),
        (
            "spark: {conf: {spark.sql.streaming.stateStore.providerClass: x}}",
            "providerClass` cannot be set here: history is kept in",
        ),
        ("spark: {conf: {spark.sql.shuffle.partitions: '8'}}", "does nothing: state_partitions says it"),
        ("spark: {conf: {spark.hadoop.fs.s3a.secret.key: hunter2}}", "a secret is seen in Spark's settings"),
        ("spark: {conf: {spark.hadoop.fs.s3a.endpoint: x}}", "cannot be set here: `s3.endpoint` says it"),
        ("spark: {master: 'local[2]', conf: {spark.master: 'local[3]'}}", "`spark.master` stands in conf too"),
        ('kafka: {sasl_username: "a\\nb"}', "sasl_username has a character that cannot be printed"),
        ("limits: {max_age: ten days}", "a duration is a number with a unit"),
        ("sinks: {k: {type: kafka}}", "`sinks` is not a setting"),
        ("console: {enabled: perhaps}", "`console.enabled`"),
        ("models: {store: s3://b/x}", "`models.store`: S3 is reached as s3a://bucket/folder"),
        ("checkpoint: s3://b/x", "`checkpoint`: S3 is reached as s3a://bucket/folder"),
        ("s3: {secret_key: hunter2}", "`s3.secret_key` is not a setting"),
        ("s3: {endpoint: 'localhost:9000'}", "`s3.endpoint`"),
        ("kafka: {security_protocol: SASL_SSL}", "SASL_SSL needs sasl_username and sasl_password_file"),
        ("trigger: {mode: realTime, duration: 1s}", "trigger.realTime.duration"),
        ("- a", "not a mapping"),
        ("a: [", "is not YAML"),
        ("checkpoint: x\nrules: {a: {when: x, reason: y}, a: {when: z, reason: y}}", "d.yaml, line 2: `a` stands there twice"),
        ("rules: {Night: {when: x, reason: y}}", "`rules.Night` cannot be a name: it should match pattern '^[a-z]"),
        ("rules: {night: {when: x, reason: y, action: pass}}", "`rules.night.action`"),
        ("start: yesterday", "`start`: it is earliest, latest, or a time"),
        ("start: 2026-11-24T10:00:00", "`start`: it is earliest, latest, or a time with a zone"),
    ],
)
def test_a_mistake_in_the_file_is_named(home: Path, file: str, says: str) -> None:
    Path("d.yaml").write_text(file)
    message = refusal("--config", "d.yaml")
    assert says in message
    assert "hunter2" not in message


def test_mistakes_elsewhere_are_named(home: Path) -> None:
    assert "nearest name is `checkpoint`" in refusal("--chekpoint", "x")
    assert "There is no settings file nowhere.yaml" in refusal("--config", "nowhere.yaml")
    assert "--config has no file" in refusal("--config")


def test_the_trigger_is_one_of_three(home: Path) -> None:
    assert isinstance(detector().trigger, MicroBatchTrigger)
    assert detector("--trigger.mode", "realTime").trigger == RealTimeTrigger()
    assert detector("--trigger.mode", "availableNow").trigger == AvailableNowTrigger()


def test_a_topic_is_named_by_itself(home: Path) -> None:
    assert detector("--topics.alerts", "mine").topics.alerts == "mine"
    assert "two topics have the same name: customers" in refusal("--topics.alerts", "customers")


def test_secrets_are_files_and_never_reach_spark(home: Path) -> None:
    Path("password").write_text("hunter2\n")
    connection = KafkaConnection(
        security_protocol="SASL_SSL", sasl_username="me", sasl_password_file=Path("password"), ca_file=Path("ca")
    )
    assert connection.librdkafka()["sasl.password"] == "hunter2"
    told = connection.java()
    assert "hunter2" not in str(told)
    assert f"${{password:{home}:password}}" in told["sasl.jaas.config"]
    assert told["config.providers.dir.param.allowed.paths"] == str(home)


def test_the_producers_mistakes_are_named(home: Path) -> None:
    for kind, arguments, says in (
        (RunSettings, ["--campaigns", '{"phishing": 1}'], "unknown attack phishing"),
        (RunSettings, ["--campaigns", '{"bust_out": 0}'], "one of them must be positive"),
        (RunSettings, ["--start", "2018-04-01T12:00:00Z"], "begins at midnight UTC"),
        (RunSettings, ["--rate", "0"], "rate"),
        (DatasetSettings, [], "`out` is missing"),
    ):
        with pytest.raises(InvalidSettings, match=says):
            kind.load(arguments, "producer")
