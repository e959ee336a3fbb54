"""A real Kafka broker on the laptop: one KRaft node, run from the jars that `make setup` copies. It listens on loopback alone."""

import subprocess
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from configuration import find_java
from local.errors import MissingJars
from local.process import HOST, Process, free_port

DEFAULT_PORT = 9092
JARS = Path(__file__).parent.parent / ".runtime" / "kafka"
ASK_TIMEOUT_S = 0.5
# A laptop's broker starts often and carries little: a small heap, the quick compiler, the simple collector.
JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
"""


class Broker:
    """One broker, kept in a folder: `data/`, `kafka.log`, `pid` and `port`. Any process may start, find and stop it."""

    def __init__(self, home: Path, settings: str = "") -> None:
        """`settings` are further lines of its server.properties, which win."""
        self.home, self._settings = home, settings
        self._properties = home / "server.properties"
        self._process = Process("Kafka", home, str(self._properties))
        self.log = self._process.log

    @property
    def running(self) -> bool:
        """Whether the broker's process lives."""
        return self._process.running

    @property
    def address(self) -> str:
        """Where clients reach it, host:port; the port is kept over restarts."""
        return f"{HOST}:{self._process.port or DEFAULT_PORT}"

    def start(self, port: int | None = None) -> str:
        """Returns the address, once the broker answers there. One that runs already is left alone.

        `port` None takes the one of the last time, else a free one.

        Raises:
            MissingJars, PortTaken, ServerFailed, configuration.NoJava: each says what to do.
        """
        if self.running:
            return self.address
        java = find_java()
        if not any(JARS.glob("kafka_2.13-*.jar")):
            raise MissingJars("Kafka's jars are not there", "Run `make setup`.")
        self.home.mkdir(parents=True, exist_ok=True)
        port = self._process.take_port(port)
        data = (self.home / "data").absolute()
        properties = PROPERTIES.format(host=HOST, port=port, controller_port=free_port(), data=data)
        self._properties.write_text(properties + self._settings)
        command = [java, *JVM, "-cp", f"{JARS}/*"]
        if not (data / "meta.properties").exists():
            self._format(command)
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        self._process.start([*command, "kafka.Kafka", str(self._properties)], lambda: _answers(admin))
        return self.address

    def stop(self) -> None:
        """Stops the broker, which writes its logs out first; nothing to do where none runs."""
        self._process.stop()

    def kill(self) -> None:
        """Ends the broker as a power cut would."""
        self._process.kill()

    def _format(self, command: list[str]) -> None:
        arguments = ["kafka.tools.StorageTool", "format", "--standalone", "-t", str(uuid.uuid4()), "-c", str(self._properties)]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise self._process.failed(f"could not format {self.home / 'data'}", done.stderr or done.stdout)


def _answers(admin: AdminClient) -> bool:
    try:
        return bool(admin.list_topics(timeout=ASK_TIMEOUT_S).brokers)
    except KafkaException:
        return False
