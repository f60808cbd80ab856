"""A private Kafka: a node that is broker and controller, on 127.0.0.1; alone, or one of several."""

import os
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from hookline.embedded.child import SERVER_STOP_TIMEOUT_S, Program
from hookline.embedded.ports import HOST
from hookline.embedded.tool import run_tool

FORMAT_TIMEOUT_S: Final = 60
PROBE_TIMEOUT_MS: Final = 2000

JVM_OPTIONS: Final = (
    "-Xms96m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxMetaspaceSize=96m",
    "-XX:ReservedCodeCacheSize=48m",
    "-XX:+ExitOnOutOfMemoryError",
    # Else each thread keeps a buffer outside of the heap as large as the largest record it saw.
    "-Djdk.nio.maxCachedBufferSize=262144",
    "-Djava.awt.headless=true",
)
"""Small, and quick to start."""

MIB: Final = 1024 * 1024

REQUEST_BYTES: Final = 48 * MIB
"""The most that our producers put into one request, of several records or of one larger one."""

PROPERTIES_FILE: Final = "server.properties"
LOGGING_FILE: Final = "log4j2.properties"
"""Kafka runs in its folder and gets relative paths: in its settings, a comma or an accent in the
path of the folder would mean something else.
"""

LOGGING: Final = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = server.log
appender.file.filePattern = server.log.%i
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 1
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
"""


@dataclass(frozen=True, slots=True)
class Membership:
    """A node's place in a cluster.

    Attributes:
        name: of its process.
        node_id: its number, from 1.
        controller_ports: of every node, itself included, by number.
        cluster_id: the same for all; a new one when empty.
    """

    name: str
    node_id: int
    controller_ports: Mapping[int, int]
    cluster_id: str = ""

    @property
    def copies(self) -> int:
        """How many nodes keep a record."""
        return min(3, len(self.controller_ports))

    @property
    def insync(self) -> int:
        """How many of them must have it before it is acknowledged."""
        return max(1, self.copies - 1)


def new_cluster_id() -> str:
    """An id as Kafka wants it."""
    return urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


class Kafka:
    """A private Kafka.

    Args:
        folder: where its data, settings and log are.
        java: the `java` to run.
        jars: Kafka's.
        ports: `kafka` for clients, `kafka-controller` for itself.
        max_body_bytes: the largest record that it is to take.
        membership: its place among others; alone when not given.
    """

    def __init__(
        self,
        folder: Path,
        java: Path,
        jars: Sequence[Path],
        ports: Mapping[str, int],
        max_body_bytes: int,
        membership: Membership | None = None,
    ) -> None:
        self._folder = folder
        self._java = java
        self._jars = jars
        self._port = ports["kafka"]
        self._controller_port = ports["kafka-controller"]
        self._max_body_bytes = max_body_bytes
        self._membership = membership or Membership("kafka", 1, {1: self._controller_port})

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"{HOST}:{self._port}"

    def prepare(self) -> None:
        """Writes the configuration, and formats the storage the first time.

        Raises:
            DependencyError: Java cannot do it.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / PROPERTIES_FILE).write_text(self._properties())
        (self._folder / LOGGING_FILE).write_text(LOGGING)
        if (self._folder / "data" / "meta.properties").exists():
            return
        cluster_id = self._membership.cluster_id or new_cluster_id()
        # One argument, not two: an id may begin with a dash.
        identity = f"--cluster-id={cluster_id}"
        command = self._command("kafka.tools.StorageTool", "format", identity, "--config")
        failure = "Kafka's storage cannot be set up"
        run_tool(failure, command, self._environment(), FORMAT_TIMEOUT_S, cwd=self._folder)

    def program(self, log_path: Path) -> Program:
        """The broker, as a child to run."""
        return Program(
            self._membership.name,
            self._command("kafka.Kafka"),
            self._environment(),
            log_path,
            self._ready,
            stop_timeout_s=SERVER_STOP_TIMEOUT_S,
            cwd=self._folder,
        )

    def _command(self, main_class: str, *arguments: str) -> list[str | Path]:
        classpath = os.pathsep.join(map(str, self._jars))
        return [
            self._java,
            *JVM_OPTIONS,
            f"-Xmx{heap_bytes(self._max_body_bytes) // MIB}m",
            f"-Dlog4j2.configurationFile={LOGGING_FILE}",
            "-cp",
            classpath,
            main_class,
            *arguments,
            PROPERTIES_FILE,
        ]

    def _environment(self) -> dict[str, str]:
        # Each arena of glibc's allocator would keep memory of its own; without a UTF-8 locale,
        # Java finds no file whose path has other letters than ASCII.
        return {**os.environ, "MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"}

    def _properties(self) -> str:
        member = self._membership
        voters = [f"{node}@{HOST}:{port}" for node, port in member.controller_ports.items()]
        settings = {
            "process.roles": "broker,controller",
            "node.id": member.node_id,
            "controller.quorum.voters": ",".join(voters),
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{HOST}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": "data",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            "min.insync.replicas": member.insync,
            "offsets.topic.replication.factor": member.copies,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": member.copies,
            "transaction.state.log.min.isr": member.insync,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": member.copies,
            "share.coordinator.state.topic.min.isr": member.insync,
            # However many large records come at once, the others wait in their connections.
            "socket.request.max.bytes": request_bytes(self._max_body_bytes),
            "queued.max.request.bytes": request_bytes(self._max_body_bytes),
            "num.network.threads": 2,
            "num.io.threads": 4,
            "num.replica.fetchers": 1,
            "background.threads": 2,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            "log.index.size.max.bytes": 1024 * 1024,
            # A broker alone has nobody to hand over to. Several of ours stop all at once.
            "controlled.shutdown.enable": "false",
            # A broker that starts again is let in when the session of the one before is over.
            "broker.session.timeout.ms": 2500,
            "broker.heartbeat.interval.ms": 500,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    async def _ready(self) -> bool:
        """Whether the broker is registered and answers."""
        node_id = self._membership.node_id
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self.bootstrap, request_timeout_ms=PROBE_TIMEOUT_MS
        )
        try:
            await admin.start()
            brokers = (await admin.describe_cluster())["brokers"]
            return any(broker["node_id"] == node_id for broker in brokers)
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()


def request_bytes(max_body_bytes: int) -> int:
    """The most that one request may have, and that requests may have that wait together."""
    return max(REQUEST_BYTES, max_body_bytes) + 16 * MIB


def heap_bytes(max_body_bytes: int) -> int:
    """Java's heap: what Kafka itself needs, and requests with the largest bodies beside it.

    Measured with bodies of 26 MB, eight producers at once: 256 MiB are enough once waiting
    requests are bounded, 288 MiB need half of the time.
    """
    return 192 * MIB + 3 * max_body_bytes
