"""The private Kafka and PostgreSQL that everything is measured on, and single services on them."""

import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg

from benchmarks.groups import Groups, open_groups
from benchmarks.requests import App
from hookline.embedded.child import Child, Program
from hookline.embedded.jars import COORDINATES
from hookline.embedded.ports import HOST
from hookline.embedded.stack import Announce, EmbeddedStack
from hookline.embedded.state import Kept
from migrations.apply import migrate
from runtime.topics import apply_topics
from schemas.settings import PREFIX, MigrateSettings, TopicsSettings
from schemas.tables import SCHEMA

KEPT_NAMES: Final = ("HOOKLINE_KAFKA_HOME", "HOOKLINE_POSTGRES_BIN")
"""Settings that say where the private servers' programs are; the others would change a run."""

STOP_TIMEOUT_S: Final = 12.0

INSERTED: Final = "public.bench_inserted"
"""What was inserted into `comments`: each row's transaction is the one that did."""

_KEEP_INSERTED: Final = f"""
CREATE TABLE {INSERTED} (first_received_at timestamptz NOT NULL);
CREATE FUNCTION public.bench_keep_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {INSERTED} SELECT first_received_at FROM new;
    RETURN NULL;
END $$;
CREATE TRIGGER bench_keep_inserted AFTER INSERT ON {SCHEMA}.comments
    REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION public.bench_keep_inserted();
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A running process that answers on a port."""

    pid: int
    port: int


class Bench:
    """A running stack, and what starts services on it."""

    def __init__(self, folder: Path, stack: EmbeddedStack, app: App, groups: Groups) -> None:
        self.folder = folder
        self.stack = stack
        self.app = app
        self.groups = groups

    @property
    def kafka_bootstrap(self) -> str:
        """Where Kafka is."""
        return self.stack.kafka_bootstrap

    @asynccontextmanager
    async def ingest(self) -> AsyncIterator[Service]:
        """`hookline ingest`, as containers run it."""
        port = _free_port()
        argv = [sys.executable, "-m", "hookline", "ingest"]
        async with self._service("ingest", argv, port, {"INGEST_PORT": port}) as service:
            yield service

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[Service]:
        """The handler that ingest is compared with."""
        port = _free_port()
        argv = [sys.executable, "-m", "benchmarks.bare", str(port)]
        async with self._service("bare", argv, port, {}) as service:
            yield service

    @asynccontextmanager
    async def worker(
        self, name: str, given: Mapping[str, object] | None = None
    ) -> AsyncIterator[Service]:
        """`hookline worker NAME` with settings besides the usual ones, named without prefix.

        Entered as soon as it has its partitions.
        """
        port = _free_port()
        argv = [sys.executable, "-m", "hookline", "worker", name]
        settings = {"METRICS_PORT": port, **(given or {})}
        async with self._service(name, argv, port, settings) as service:
            yield service

    @asynccontextmanager
    async def _service(
        self, name: str, argv: list[str], port: int, given: Mapping[str, object]
    ) -> AsyncIterator[Service]:
        settings = {
            "KAFKA_BOOTSTRAP": self.stack.kafka_bootstrap,
            "DATABASE_URL": self.stack.database_url,
            "APP_SECRETS": f"{self.app.app_id}:{self.app.secret.decode()}",
            "VERIFY_TOKEN": "benchmarks",
            "INGEST_HOST": HOST,
            **given,
        }
        env = {
            **os.environ,
            **{f"{PREFIX}{key}": str(value) for key, value in settings.items()},
            "BARE_SECRET": self.app.secret.decode(),
        }
        log_path = self.folder / "logs" / f"bench-{name}.log"
        program = Program(
            name, argv, env, log_path, lambda: _answers(port), stop_timeout_s=STOP_TIMEOUT_S
        )
        child = self.stack.child(program)
        try:
            await child.start()
            yield Service(_pid(child), port)
        finally:
            await child.stop()

    async def track_commits(self) -> None:
        """Makes PostgreSQL remember when transactions committed, from its next start on.

        Rows of comments change when enrichment tells something about them, and so does the time
        of their last commit: `INSERTED` keeps the first one.
        """
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
            await connection.execute(_KEEP_INSERTED)
        finally:
            await connection.close()

    async def versions(self) -> dict[str, str]:
        """Versions of the servers."""
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            postgres = await connection.fetchval("SHOW server_version")
        finally:
            await connection.close()
        kafka = COORDINATES[0].rpartition(":")[2]
        return {"Kafka": kafka, "PostgreSQL": str(postgres)}


def forget_settings() -> None:
    """Takes Hookline's settings out of our environment: a run is always on its own stack."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        if name not in KEPT_NAMES:
            del os.environ[name]


@asynccontextmanager
async def open_bench(folder: Path, announce: Announce) -> AsyncIterator[Bench]:
    """A stack in a folder that exists, with topics and tables, and no service yet.

    Raises:
        DependencyError: it cannot be started.
    """
    kept = Kept.load(folder)
    announce("Starting Kafka and PostgreSQL …")
    async with EmbeddedStack(folder, kept.ports, announce=announce) as stack:
        kept.save(folder)
        await apply_topics(TopicsSettings(kafka_bootstrap=stack.kafka_bootstrap))
        await migrate(MigrateSettings.model_validate({"database_url": stack.database_url}))
        async with open_groups(stack.kafka_bootstrap) as groups:
            yield Bench(folder, stack, App(kept.app_id, kept.app_secret.encode()), groups)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _pid(child: Child) -> int:
    if child.pid is None:
        raise RuntimeError(f"{child.program.name} ended at once")
    return child.pid


async def _answers(port: int) -> bool:
    timeout = aiohttp.ClientTimeout(total=2.0)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://{HOST}:{port}/readyz") as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
