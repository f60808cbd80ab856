"""The whole line on a data folder: Kafka, PostgreSQL, topics, tables, ingest and workers."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from hookline.embedded.child import Child, Program
from hookline.embedded.jars import Progress
from hookline.embedded.lock import folder_lock
from hookline.embedded.ports import HOST, is_free, keep_or_choose
from hookline.embedded.stack import Announce, EmbeddedStack, pids_of
from hookline.embedded.state import Kept, State, remove_state, write_state
from migrations.apply import migrate
from runtime.errors import DependencyError
from runtime.topics import apply_topics
from schemas.settings import MigrateSettings, TopicsSettings
from workers.registry import WORKERS

PROBE_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True)
class Plan:
    """What runs. `port` of ingest is chosen free when it is None."""

    folder: Path
    port: int | None = None
    workers: Mapping[str, int] = field(default_factory=dict)
    announce: Announce = lambda _: None
    progress: Progress | None = None

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
        )

    async def start(self) -> None:
        """Prepares topics and tables, then starts the services and awaits that they are ready."""
        self._plan.announce("Preparing topics and tables …")
        await _together(
            apply_topics(TopicsSettings(kafka_bootstrap=self._stack.kafka_bootstrap)),
            migrate(MigrateSettings.model_validate({"database_url": self._stack.database_url})),
        )
        self._plan.announce("Starting ingest and workers …")
        self._children.append(self._service("ingest", ["ingest"], self._kept.ports["ingest"]))
        for name, number in self._plan.replicas():
            service = name if number == 1 else f"{name}-{number}"
            port = self._kept.ports[service] = keep_or_choose(self._kept.ports.get(service))
            arguments = ["worker", name, "--replica", str(number)]
            self._children.append(self._service(service, arguments, port))
        self._kept.save(self._plan.folder)
        await _together(*(child.start() for child in self._children))
        self.write_state()
        self._stack.changed = self.write_state

    async def stop(self) -> None:
        """Stops ingest, then the workers: nothing new comes in while they finish."""
        ingest = self._children[:1]
        for group in (ingest, self._children[1:]):
            await asyncio.gather(*(child.stop() for child in group))
        remove_state(self._plan.folder)

    def write_state(self) -> None:
        """Brings `state.json` up to date."""
        write_state(self._plan.folder, self.state)

    def _service(self, name: str, arguments: list[str], port: int) -> Child:
        url = f"http://{HOST}:{port}"
        self._metrics_urls[name] = f"{url}/metrics"
        program = Program(
            name,
            [sys.executable, "-m", "hookline", *arguments],
            self._environment(name, port),
            self._plan.folder / "logs" / f"{name}.log",
            lambda: _answers(f"{url}/readyz"),
            stop_timeout_s=9.0,
        )
        child = self._stack.child(program)
        child.on_restart = self.write_state
        return child

    def _environment(self, name: str, port: int) -> dict[str, str]:
        given = {
            "KAFKA_BOOTSTRAP": self._stack.kafka_bootstrap,
            "DATABASE_URL": self._stack.database_url,
            "APP_SECRETS": f"{self._kept.app_id}:{self._kept.app_secret}",
            "VERIFY_TOKEN": self._kept.verify_token,
            "INGEST_HOST": HOST,
            "INGEST_PORT" if name == "ingest" else "METRICS_PORT": str(port),
            "DRAIN_TIMEOUT_S": "4",
        }
        return {**os.environ, **{f"HOOKLINE_{key}": value for key, value in given.items()}}


@asynccontextmanager
async def open_pipeline(plan: Plan) -> AsyncIterator[Pipeline]:
    """A running line on the plan's folder, stopped in order at the end.

    Raises:
        FolderHeldError: another one runs there.
        DependencyError: something cannot be started; the message says what, and why.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(plan.folder):
        kept = Kept.load(plan.folder)
        _choose_ingest_port(plan, kept)
        kept.save(plan.folder)
        plan.announce("Starting Kafka and PostgreSQL …")
        stack = EmbeddedStack(
            plan.folder, kept.ports, announce=plan.announce, progress=plan.progress
        )
        async with stack:
            pipeline = Pipeline(plan, kept, stack)
            try:
                await pipeline.start()
                yield pipeline
            finally:
                await pipeline.stop()


def _choose_ingest_port(plan: Plan, kept: Kept) -> None:
    if plan.port is None:
        kept.ports["ingest"] = keep_or_choose(kept.ports.get("ingest"))
    elif is_free(plan.port):
        kept.ports["ingest"] = plan.port
    else:
        raise DependencyError(f"Port {plan.port} is taken. Choose another one with --port.")


async def _answers(url: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _together(*works: Awaitable[object]) -> None:
    """Awaits all; the first failure is raised once the others have ended too."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
