"""Services that start before what they need: as whoever starts all containers at once has it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientConnectionError, ClientSession

from migrations.apply import migrate
from schemas.settings import MigrateSettings
from tests.integration.broker import Broker, until
from tests.integration.service import free_port


@asynccontextmanager
async def _service(log: Path, *arguments: str, **settings: str) -> AsyncIterator[None]:
    """`hookline …`, ended at the end; its log in a file."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLINE_")}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "hookline", *arguments),
            env={**clean, **{f"HOOKLINE_{name}": value for name, value in settings.items()}},
            stderr=output,
        )
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


async def _is_ready(port: int) -> bool:
    try:
        async with ClientSession() as client:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).status == 200
    except ClientConnectionError:
        return False


async def test_a_worker_awaits_migrations(
    broker: Broker, empty_database_url: str, tmp_path: Path
) -> None:
    """It says what it misses, and works once that is there."""
    port, log = free_port(), tmp_path / "worker.log"
    settings = {
        "KAFKA_BOOTSTRAP": broker.bootstrap,
        "DATABASE_URL": empty_database_url,
        "METRICS_PORT": str(port),
    }
    async with _service(log, "worker", "archive", **settings):
        await until(lambda: log.read_text().count("dependency_awaited") >= 2)
        assert "hookline migrate" in log.read_text()
        await migrate(MigrateSettings.model_validate({"database_url": empty_database_url}))
        await until(lambda: _is_ready(port))


async def test_ingest_awaits_kafka(broker: Broker, tmp_path: Path) -> None:
    """Nobody listens where Kafka is to be; then somebody does."""
    port, kafka_port, log = free_port(), free_port(), tmp_path / "ingest.log"
    settings = {
        "KAFKA_BOOTSTRAP": f"127.0.0.1:{kafka_port}",
        "APP_SECRETS": "1:secret",
        "VERIFY_TOKEN": "token",
        "INGEST_PORT": str(port),
    }
    async with _service(log, "ingest", **settings):
        await until(lambda: log.read_text().count("dependency_awaited") >= 2)
        async with _relay(kafka_port, broker.bootstrap):
            await until(lambda: _is_ready(port))


@asynccontextmanager
async def _relay(port: int, bootstrap: str) -> AsyncIterator[None]:
    """Kafka at another port. Clients go on at the address that the broker tells them."""
    host, _, kafka_port = bootstrap.rpartition(":")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, int(kafka_port))
        await asyncio.wait(
            [
                asyncio.create_task(_pipe(reader, there_writer)),
                asyncio.create_task(_pipe(there_reader, writer)),
            ]
        )

    async with await asyncio.start_server(pass_on, "127.0.0.1", port):
        yield


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    writer.close()
