"""Users and passwords, by both Kafka clients: any password is the same to both, and a wrong one is named as that by both."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from pyspark.sql import SparkSession

from configuration import AccessRefused, BrokerUnreachable, KafkaConnection, reach
from contract import TopicSpec
from local.broker import Broker
from local.process import free_port
from producer.topics import create_topics
from spark_jobs import failures
from tests.certificates import Authority

PASSWORDS = {
    "plain": "hunter2",
    "quoted": 'a "quoted" one',
    "backslash": "back\\slash\\\\",
    "foreign": "é€😀 пароль",
    "blanks": "in the middle",
    "variable": "${dir:x:y}",
    "marks": "';=,\t#",
}
WRONG, TOPIC = "wr0ng-passw0rd", "topic"

SECURE = """
listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://localhost:{secure},CONTROLLER://127.0.0.1:{controller}
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={keystore}
"""


@pytest.fixture(scope="module")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., KafkaConnection]]:
    """Returns a function that makes the connection of a user of a broker, which has its password in a file."""
    folder = tmp_path_factory.mktemp("secure")
    authority = Authority(folder)
    certificate, key = authority.certificate("localhost")
    (folder / "keystore.pem").write_bytes(key.read_bytes() + certificate.read_bytes())
    ports = {"port": free_port(), "secure": free_port(), "controller": free_port()}
    broker = Broker(folder / "kafka", SECURE.format(**ports, keystore=folder / "keystore.pem"))
    broker.start(ports["port"])
    admin = AdminClient({"bootstrap.servers": broker.address})
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    users = [UserScramCredentialUpsertion(user, scram, password.encode()) for user, password in PASSWORDS.items()]
    create_topics(KafkaConnection(bootstrap_servers=broker.address), [TopicSpec(name=TOPIC, partitions=1, settings={})])
    for made in admin.alter_user_scram_credentials(users).values():
        made.result()

    def connection(user: str, content: bytes, authority: Path = authority.file) -> KafkaConnection:
        file = folder / f"password-of-{user}"
        file.write_bytes(content)
        return KafkaConnection(
            bootstrap_servers=f"localhost:{ports['secure']}",
            security_protocol="SASL_SSL",
            ca_file=authority,
            sasl_username=user,
            sasl_password_file=file,
        )

    yield connection
    broker.stop()


def by_java(spark: SparkSession, connection: KafkaConnection) -> None:
    """Reaches Kafka as Spark's client does."""
    jvm: Any = spark.sparkContext._jvm
    admin = jvm.org.apache.kafka.clients.admin.AdminClient.create(dict(connection.java()))
    try:
        admin.listTopics().names().get()
    finally:
        admin.close()


def told_by_spark(spark: SparkSession, connection: KafkaConnection) -> str:
    """Returns what a detector would say of a stream that cannot reach Kafka."""
    options = {f"kafka.{name}": value for name, value in connection.java().items()}
    with pytest.raises(failures.SparkFailure) as caught:
        spark.read.format("kafka").options(**options).option("subscribe", TOPIC).load().count()
    told = failures.explain(caught.value, "checkpoint", None)
    assert isinstance(told, AccessRefused), told
    return str(told)


@pytest.mark.parametrize("user", PASSWORDS)
def test_a_password_is_the_same_to_both_clients(connect: Callable[..., KafkaConnection], spark: SparkSession, user: str) -> None:
    for end in ("", "\n", "\r\n") if user == "plain" else ("\n",):
        connection = connect(user, f"{PASSWORDS[user]}{end}".encode())
        reach(connection)
        by_java(spark, connection)


@pytest.mark.parametrize("user", ["plain", "nobody"])
def test_a_wrong_user_or_password_is_named_as_that_by_both_clients(
    connect: Callable[..., KafkaConnection], spark: SparkSession, user: str
) -> None:
    connection = connect(user, WRONG.encode())
    with pytest.raises(AccessRefused, match="does not accept this user and password") as caught:
        reach(connection)
    told = told_by_spark(spark, connection)
    assert "Kafka does not accept this user and password" in told
    for one in (str(caught.value), told):
        assert "kafka.sasl_password_file" in one
        assert WRONG not in one
        assert "\n" not in one


def test_an_authority_that_did_not_sign_is_named_by_both_clients(
    connect: Callable[..., KafkaConnection], spark: SparkSession, tmp_path: Path
) -> None:
    connection = connect("plain", PASSWORDS["plain"].encode(), Authority(tmp_path).file)
    with pytest.raises(AccessRefused, match="do not trust each other's certificates"):
        reach(connection)
    assert "do not trust each other's certificates" in told_by_spark(spark, connection)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b"p\xe9", "it is not UTF-8"),
        (b"a\0b", "it has a zero byte"),
        (b"a ", "it has blanks at an end"),
    ],
)
def test_a_file_that_holds_no_password_is_refused_by_name(
    connect: Callable[..., KafkaConnection], content: bytes, says: str
) -> None:
    connection = connect("plain", content)
    with pytest.raises(BrokerUnreachable, match=f"{connection.sasl_password_file} cannot be read: {says}"):
        reach(connection)
