"""A real Kafka broker on the laptop: one KRaft node, run from the jars that `make setup` copies. It listens on loopback alone."""

import socket
import subprocess
import time
import uuid
from pathlib import Path

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from configuration import find_java
from local.errors import BrokerFailed, MissingJars, PortTaken

HOST = "127.0.0.1"
DEFAULT_PORT = 9092
JARS = Path(__file__).parent.parent / ".runtime" / "kafka"
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 30.0
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

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / "kafka.log"
        self._pid, self._port = home / "pid", home / "port"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process of the pid file lives and is this broker; a number that another program has got since is not."""
        return self._process() is not None

    @property
    def address(self) -> str:
        """Where clients reach it, host:port; the port is kept over restarts."""
        return f"{HOST}:{self._port.read_text().strip() if self._port.exists() else DEFAULT_PORT}"

    def start(self, port: int | None = None) -> str:
        """Returns the address, once the broker answers there. One that runs already is left alone.

        `port` None takes the one of the last time, else a free one.

        Raises:
            MissingJars, PortTaken, BrokerFailed, configuration.NoJava: each says what to do.
        """
        if self.running:
            return self.address
        java = find_java()
        if not any(JARS.glob("kafka_2.13-*.jar")):
            raise MissingJars("Kafka's jars are not there", "Run `make setup`.")
        self.home.mkdir(parents=True, exist_ok=True)
        port = port or (int(self._port.read_text()) if self._port.exists() else _free_port())
        _check_free(port)
        self._port.write_text(str(port))
        data = (self.home / "data").absolute()
        controller_port = _free_port()
        properties = self.home / "server.properties"
        properties.write_text(PROPERTIES.format(host=HOST, port=port, controller_port=controller_port, data=data))
        command = [java, *JVM, "-cp", f"{JARS}/*"]
        with self.log.open("ab") as log:
            if not (data / "meta.properties").exists():
                self._format(command, properties)
            self._child = subprocess.Popen(
                [*command, "kafka.Kafka", str(properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the program in front, which stops the broker in its turn
            )
        self._pid.write_text(str(self._child.pid))
        self._wait_until_ready(self._child)
        return self.address

    def stop(self) -> None:
        """Stops the broker, which writes its logs out first; nothing to do where none runs."""
        process = self._process()
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(STOP_TIMEOUT_S)
        self._forget()

    def kill(self) -> None:
        """Ends the broker as a power cut would."""
        process = self._process()
        if process is not None:
            process.kill()
            process.wait(STOP_TIMEOUT_S)
        self._forget()

    def _forget(self) -> None:
        if self._child is not None:
            self._child.wait()
            self._child = None
        self._pid.unlink(missing_ok=True)

    def _process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(int(self._pid.read_text()))
            if str(self.home / "server.properties") in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except (OSError, ValueError, psutil.Error):
            pass
        return None

    def _format(self, command: list[str], properties: Path) -> None:
        cluster = str(uuid.uuid4())
        arguments = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(properties)]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerFailed(
                f"Kafka could not format {self.home / 'data'}: {_last_line(done.stderr or done.stdout)}", self._advice()
            )

    def _wait_until_ready(self, child: "subprocess.Popen[bytes]") -> None:
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if child.poll() is not None:
                self._forget()
                raise BrokerFailed(f"Kafka ended at once: {_last_line(self.log.read_text(errors='replace'))}", self._advice())
            try:
                if admin.list_topics(timeout=ASK_TIMEOUT_S).brokers:
                    return
            except KafkaException:
                continue  # list_topics has waited
        self.kill()
        raise BrokerFailed(f"Kafka did not answer at {self.address} within {START_TIMEOUT_S:.0f} s", self._advice())

    def _advice(self) -> str:
        return f"Its log is {self.log}; `fraud down --purge` begins anew."


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "Exception" in line or "ERROR" in line]
    return (errors or lines or ["no output"])[-1].strip()[:300]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _check_free(port: int) -> None:
    with socket.socket() as wanted:
        wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            wanted.bind((HOST, port))
        except OSError:
            raise PortTaken(f"Port {port} is in use", "Name another: `fraud up --port N`.") from None
