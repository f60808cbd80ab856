"""The whole line on a data folder: Kafka, PostgreSQL, topics, tables, ingest and workers."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from hookline.embedded.check import check_environment
from hookline.embedded.child import (
    SERVICE_STOP_TIMEOUT_S,
    Announce,
    Child,
    Program,
    pids_of,
    stop_all,
)
from hookline.embedded.given import settings_given
from hookline.embedded.jars import Progress
from hookline.embedded.lock import folder_lock, holder
from hookline.embedded.ports import HOST, is_free, port_for
from hookline.embedded.stack import PRIVATE, Elsewhere, EmbeddedStack, first_error
from hookline.embedded.state import Kept, State, remove_state, write_state
from migrations.apply import migrate
from runtime.configuration import load
from runtime.errors import HooklineError
from runtime.topics import apply_topics
from schemas.settings import GraphSettings, MigrateSettings, TopicsSettings
from workers.registry import WATCHDOG, WORKERS

PROBE_TIMEOUT_S: Final = 2.0

DRAIN_TIMEOUT_S: Final = 2.0
"""Leaves a service time to close what it has open before it is killed."""

BREAKER_OPEN: Final = "breaker_open"

GRAPH_URL: Final = "HOOKLINE_GRAPH_URL"

SIMULATED: Final = {"HOOKLINE_WORKER_BREAKER_RATIO": "0.1"}
"""What services are told when the simulator is Meta: one of its first deliveries and then one in a
thousand cannot be read, on purpose, which a short or busy run could otherwise stop dedupe for."""


class PortTakenError(HooklineError):
    """The port that was asked for cannot be listened on."""

    reason = "port_taken"


@dataclass(frozen=True)
class Plan:
    """What runs.

    Args:
        folder: where everything is kept.
        port: of ingest; chosen free when it is None.
        workers: replicas by worker, where it is not one.
        announce: told what happens, in lines for a person.
        progress: told how much of a download has arrived.
        elsewhere: servers to use instead of private ones.
        environment: settings of services that differ from their defaults.
    """

    folder: Path
    port: int | None = None
    workers: Mapping[str, int] = field(default_factory=dict)
    announce: Announce = lambda _: None
    progress: Progress | None = None
    elsewhere: Elsewhere = PRIVATE
    environment: Mapping[str, str] = field(default_factory=dict)

    def replicas(self) -> list[tuple[str, int]]:
        """Workers with the numbers of their replicas."""
        return [
            (name, number) for name in WORKERS for number in range(1, self.workers.get(name, 1) + 1)
        ]


class Pipeline:
    """A running line. `state` is what `state.json` tells."""

    def __init__(self, plan: Plan, kept: Kept, stack: EmbeddedStack) -> None:
        self._plan = plan
        self._kept = kept
        self._stack = stack
        self._children: list[Child] = []
        self._metrics_urls: dict[str, str] = {}
        self._told = settings_given({**os.environ, **plan.environment})

    @property
    def state(self) -> State:
        """Addresses, secrets and the processes now running."""
        return State(
            ingest_url=f"http://{HOST}:{self._kept.ports['ingest']}",
            kafka_bootstrap=self._stack.kafka_bootstrap,
            database_url=self._stack.database_url,
            metrics_urls=self._metrics_urls,
            pids={**self._stack.pids, **pids_of(self._children)},
            app_id=self._kept.app_id,
            app_secret=self._kept.app_secret,
            verify_token=self._kept.verify_token,
            vault_keys=self._kept.vault_keys,
            graph_url=self._graph_url(),
            settings=self._told,
        )

    async def start(self) -> None:
        """Prepares topics and tables, then starts the services and awaits that they are ready."""
        self._plan.announce("Preparing topics and tables …")
        await _together(
            apply_topics(load(TopicsSettings, {"kafka_bootstrap": self._stack.kafka_bootstrap})),
            migrate(load(MigrateSettings, {"database_url": self._stack.database_url})),
        )
        self._plan.announce("Starting ingest and workers …")
        self._children.append(self._service("ingest", ["ingest"]))
        for name, number in [*self._plan.replicas(), (WATCHDOG, 1)]:
            service = name if number == 1 else f"{name}-{number}"
            arguments = ["worker", name, "--replica", str(number)]
            self._children.append(self._service(service, arguments))
        self._kept.save(self._plan.folder)
        await _all(child.start() for child in self._children)
        self.write_state()
        for child in self._children:
            child.on_restart = self.write_state
        self._stack.changed = self.write_state

    async def stop(self) -> None:
        """Stops ingest, then the workers: nothing new comes in while they finish."""
        await stop_all(self._children[:1])
        await stop_all(self._children[1:])
        remove_state(self._plan.folder)

    def write_state(self) -> None:
        """Brings `state.json` up to date."""
        write_state(self._plan.folder, self.state)

    def _service(self, name: str, arguments: list[str]) -> Child:
        port = port_for(self._kept.ports, name)
        url = f"http://{HOST}:{port}"
        self._metrics_urls[name] = f"{url}/metrics"
        program = Program(
            name,
            [sys.executable, "-P", "-m", "hookline", *arguments],
            self._environment(name, port),
            self._plan.folder / "logs" / f"{name}.log",
            lambda: _answers(f"{url}/readyz"),
            stop_timeout_s=SERVICE_STOP_TIMEOUT_S,
        )
        return self._stack.child(program)

    def _graph_url(self) -> str:
        given = {"app_secrets": self._kept.app_secrets, "vault_keys": self._kept.vault_keys}
        if GRAPH_URL in self._plan.environment:
            given["graph_url"] = self._plan.environment[GRAPH_URL]
        return load(GraphSettings, given).graph_url

    def _environment(self, name: str, port: int) -> dict[str, str]:
        given = {
            **self._plan.environment,
            "HOOKLINE_KAFKA_BOOTSTRAP": self._stack.kafka_bootstrap,
            "HOOKLINE_DATABASE_URL": self._stack.database_url,
            "HOOKLINE_APP_SECRETS": self._kept.app_secrets,
            "HOOKLINE_VERIFY_TOKEN": self._kept.verify_token,
            "HOOKLINE_VAULT_KEYS": self._kept.vault_keys,
            "HOOKLINE_INGEST_HOST": HOST,
            "HOOKLINE_METRICS_HOST": HOST,
            "HOOKLINE_INGEST_PORT" if name == "ingest" else "HOOKLINE_METRICS_PORT": str(port),
            "HOOKLINE_DRAIN_TIMEOUT_S": str(DRAIN_TIMEOUT_S),
        }
        files = {f"{key}_FILE" for key in given}
        return {key: value for key, value in os.environ.items() if key not in files} | given


@asynccontextmanager
async def open_pipeline(plan: Plan) -> AsyncIterator[Pipeline]:
    """A running line on the plan's folder, stopped in order at the end.

    Raises:
        FolderHeldError: another one runs there.
        KeptSettingsError: the folder's `settings.json` cannot be used.
        PortTakenError: ingest cannot have the port that was asked for.
        SettingsError: the environment has settings that no service can run with.
        DependencyError: something cannot be started; the message says what, and why.
    """
    if holder(plan.folder) is None:
        remove_state(plan.folder)  # a killed run's
    async with folder_lock(plan.folder, plan.announce) as lock:
        kept = Kept.load(plan.folder)
        topics = _checked(plan, kept)
        _choose_ingest_port(plan, kept)
        kept.save(plan.folder)
        stack = EmbeddedStack(
            plan.folder,
            kept.ports,
            announce=plan.announce,
            progress=plan.progress,
            lock=lock,
            elsewhere=plan.elsewhere,
            max_body_bytes=topics.ingest_max_body_bytes,
        )
        async with stack:
            pipeline = Pipeline(plan, kept, stack)
            try:
                await pipeline.start()
                yield pipeline
            finally:
                await pipeline.stop()


def _checked(plan: Plan, kept: Kept) -> TopicsSettings:
    """The settings of topics, once the environment is known to suit every service."""
    given = {
        "kafka_bootstrap": plan.elsewhere.kafka_bootstrap or f"{HOST}:1",
        "database_url": plan.elsewhere.database_url or f"postgresql://{HOST}/private",
        "app_secrets": kept.app_secrets,
        "verify_token": kept.verify_token,
        "vault_keys": kept.vault_keys,
    }
    check_environment(given)
    return load(TopicsSettings, given)


def _choose_ingest_port(plan: Plan, kept: Kept) -> None:
    if plan.port is not None:
        _require_port(plan.port)
        for name in [name for name, port in kept.ports.items() if port == plan.port]:
            del kept.ports[name]
        kept.ports["ingest"] = plan.port
    port_for(kept.ports, "ingest")


def _require_port(port: int) -> None:
    try:
        free = is_free(port)
    except PermissionError as error:
        raise PortTakenError(
            f"This user may not listen on port {port}. Choose one from 1024 on with --port."
        ) from error
    if not free:
        raise PortTakenError(f"Port {port} is taken. Choose another one with --port.")


async def _answers(url: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            # A stage whose breaker is open runs, and waits for a person.
            return response.status == 200 or BREAKER_OPEN in await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _together(*works: Awaitable[object]) -> None:
    """Awaits all; the first failure is raised once the others have ended too."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Awaits all; the first failure is raised at once, and ends the waiting for the others."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as group_error:
        raise first_error(group_error) from None
