"""A whole line with proxies in front of its servers: what faults are made on, and looked at."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import asyncpg
import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from hookline.embedded.child import SERVICE_STOP_TIMEOUT_S, Announce, Child, Program, pids_of
from hookline.embedded.cluster import Cluster, running
from hookline.embedded.download import downloaded
from hookline.embedded.jars import Progress
from hookline.embedded.java import find_java
from hookline.embedded.pipeline import GRAPH_URL, SIMULATED, Pipeline, Plan, open_pipeline
from hookline.embedded.ports import HOST
from hookline.embedded.stack import MAX_BODY_BYTES, Elsewhere, EmbeddedStack
from hookline.embedded.state import Kept, State
from runtime.errors import DependencyError
from schemas.settings import PREFIX
from tests.chaos.disks import Disk
from tests.chaos.graph_api import GraphApi, MakeGraph, Witness, open_graph_api
from tests.chaos.operators import connect
from tests.faults.proxy import Proxy, before_kafka

Servers = Literal["embedded", "cluster"]

CONNECT_TIMEOUT_S: Final = 2.0
LEADER_TIMEOUT_S: Final = 30.0
WORKERS: Final = {"dedupe": 2}


@dataclass(frozen=True)
class Line:
    """A running line.

    Attributes:
        folder: where everything of it is.
        stack: its servers.
        pipeline: its services, which reach the servers through the proxies only.
        brokers: Kafka's processes in a cluster; none where Kafka is the stack's own.
        kafka: a proxy before each broker, in the order of their numbers.
        postgres: the proxy before PostgreSQL.
        graph: the Graph API, which all accounts are connected to.
        kafka_bootstrap: past the proxies.
        database_url: past the proxy.
        disks: small disks that can be made full, by the name of the fault's target.
        environment: what services are told besides.
    """

    folder: Path
    stack: EmbeddedStack
    pipeline: Pipeline
    brokers: tuple[Child, ...]
    kafka: tuple[Proxy, ...]
    postgres: Proxy
    graph: GraphApi
    kafka_bootstrap: str
    database_url: str
    disks: dict[str, Disk]
    environment: Mapping[str, str]

    @property
    def state(self) -> State:
        """What services are told, and their processes."""
        return self.pipeline.state

    def pid(self, name: str) -> int | None:
        """A service's or a server's process now; none while it is down."""
        pids = {**self.stack.pids, **pids_of(self.brokers), **self.state.pids}
        return pids.get(name)

    def services(self) -> list[str]:
        """Ingest and the replicas of the workers."""
        return [name for name in self.state.metrics_urls if name in self.state.pids]

    async def leader(self) -> str:
        """The broker that leads most partitions."""
        if not self.brokers:
            return "kafka"
        topics: list[dict[str, Any]] = []
        async with asyncio.timeout(LEADER_TIMEOUT_S):
            while not topics:
                with suppress(KafkaError):  # it asks one of them, which may be away
                    topics = await self._topics()
        led = Counter(part["leader"] for topic in topics for part in topic["partitions"])
        return f"kafka-{max(sorted(led), key=lambda node: led[node])}"

    async def _topics(self) -> list[dict[str, Any]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka_bootstrap)
        try:
            await admin.start()
            found: list[dict[str, Any]] = await admin.describe_topics()
        finally:
            await admin.close()
        return found

    def proxy(self, broker: str) -> Proxy:
        """The proxy before a broker."""
        return self.kafka[int(broker.partition("-")[2] or 1) - 1]

    async def postgres_answers(self) -> bool:
        """Whether PostgreSQL takes a connection and answers, asked past the proxy."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await asyncpg.connect(self.database_url)
                await connection.execute("SELECT 1")
                await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        except asyncpg.InternalClientError:  # the server ended in the middle of an answer
            return False
        return True

    async def broker_answers(self, broker: str) -> bool:
        """Whether a broker is part of its cluster, asked past the proxy."""
        node_id = int(broker.partition("-")[2] or 1)
        server = self.kafka_bootstrap.split(",")[node_id - 1]
        admin = AIOKafkaAdminClient(bootstrap_servers=server, request_timeout_ms=2000)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await admin.start()
                brokers = (await admin.describe_cluster())["brokers"]
            return any(one["node_id"] == node_id for one in brokers)
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await admin.close()

    def replica(self, worker: str, number: int, **settings: str) -> Child:
        """One more replica of a worker, with settings besides; the caller starts and stops it."""
        name = f"{worker}-{number}"
        state = self.state
        program = Program(
            name,
            [sys.executable, "-P", "-m", "hookline", "worker", worker, "--replica", str(number)],
            {
                **os.environ,
                **self.environment,
                **{PREFIX + name: value for name, value in settings.items()},
                "HOOKLINE_KAFKA_BOOTSTRAP": state.kafka_bootstrap,
                "HOOKLINE_DATABASE_URL": state.database_url,
                "HOOKLINE_APP_SECRETS": f"{state.app_id}:{state.app_secret}",
                "HOOKLINE_VAULT_KEYS": state.vault_keys,
                "HOOKLINE_DRAIN_TIMEOUT_S": "2",
            },
            self.folder / "logs" / f"{name}.log",
            _at_once,
            stop_timeout_s=SERVICE_STOP_TIMEOUT_S,
        )
        return self.stack.child(program)


def family(pid: int) -> list[int]:
    """A process and all that it started, itself first."""
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


@asynccontextmanager
async def open_line(
    servers: Servers,
    folder: Path,
    disks: dict[str, Disk],
    announce: Announce,
    progress: Progress | None,
    *,
    workers: Mapping[str, int] = WORKERS,
    environment: Mapping[str, str] = MappingProxyType({}),
    make_graph: MakeGraph = Witness,
) -> AsyncIterator[Line]:
    """A running line on a folder of its own, stopped in order at the end.

    Args:
        servers: what it runs on.
        folder: for data and logs.
        disks: passed on.
        announce: told what happens, in lines for a person.
        progress: told how much of a download has arrived.
        workers: replicas by worker, where it is not one.
        environment: settings of its services besides their defaults.
        make_graph: makes the Graph API.

    Raises:
        DependencyError: something cannot be started; the message says what, and why.
    """
    ports: dict[str, int] = {}
    async with AsyncExitStack() as opened:
        cluster = (
            await _cluster(folder, ports, announce, progress) if servers == "cluster" else None
        )
        elsewhere = Elsewhere(kafka_bootstrap=cluster.bootstrap if cluster else "")
        stack = EmbeddedStack(
            folder, ports, announce=announce, progress=progress, elsewhere=elsewhere
        )
        await opened.enter_async_context(stack)
        brokers = tuple(
            stack.child(program)
            for program in (cluster.programs(folder / "logs") if cluster else ())
        )
        if brokers:
            announce(f"Starting a cluster of {len(brokers)} Kafka brokers …")
            await opened.enter_async_context(running(brokers))
        kafka = await opened.enter_async_context(before_kafka(stack.kafka_bootstrap))
        address = urlsplit(stack.database_url)
        postgres = await opened.enter_async_context(
            Proxy(address.hostname or HOST, address.port or 5432)
        )
        through = Elsewhere(
            kafka_bootstrap=",".join(proxy.address for proxy in kafka),
            database_url=postgres.before(stack.database_url),
        )
        data = folder / "line"
        kept = _kept(data)
        graph = await opened.enter_async_context(
            open_graph_api(kept.app_id, kept.app_secret, make_graph)
        )
        told = {**SIMULATED, **environment, GRAPH_URL: graph.url}
        plan = Plan(data, workers=workers, announce=announce, elsewhere=through, environment=told)
        pipeline = await opened.enter_async_context(open_pipeline(plan))
        await _connect_accounts(data, graph)
        yield Line(
            folder,
            stack,
            pipeline,
            brokers,
            tuple(kafka),
            postgres,
            graph,
            stack.kafka_bootstrap,
            stack.database_url,
            disks,
            told,
        )


def _kept(data: Path) -> Kept:
    """The settings that the line will have: the Graph API knows the app by them."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = Kept.load(data)
    kept.save(data)
    return kept


async def _connect_accounts(data: Path, graph: GraphApi) -> None:
    answer = await connect(data, graph.witness.tokens.user_token(0))
    if not answer.holds:
        raise DependencyError(f"The accounts cannot be connected:\n{answer.told}")


async def _cluster(
    folder: Path, ports: dict[str, int], announce: Callable[[str], None], progress: Progress | None
) -> Cluster:
    java = await asyncio.to_thread(find_java)
    jars = await downloaded(announce, progress)
    cluster = Cluster(folder / "kafka", java, jars, ports, MAX_BODY_BYTES)
    await asyncio.to_thread(cluster.prepare)
    return cluster


async def _at_once() -> bool:
    return True
