"""What integration tests share: Kafka with the topics of the contract, ingest, settings."""

import uuid
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from hookline.embedded.stack import EmbeddedStack
from migrations.apply import migrate
from runtime.topics import apply_topics
from schemas.settings import MigrateSettings, TopicsSettings, WorkerSettings
from tests.integration.broker import Broker, looking_at
from tests.integration.service import Ingest, running_ingest

MakeWorkerSettings: TypeAlias = Callable[..., WorkerSettings]


@pytest.fixture(scope="session")
async def broker(stack: EmbeddedStack) -> AsyncIterator[Broker]:
    """The session's Kafka, with every topic of the contract."""
    await apply_topics(
        TopicsSettings.model_validate(
            {"kafka_bootstrap": stack.kafka_bootstrap, "topic_partitions": 3}
        )
    )
    async with looking_at(stack) as found:
        yield found


@pytest.fixture(scope="module")
async def ingest(broker: Broker) -> AsyncIterator[Ingest]:
    """An ingest service for tests that leave it as it is; none beside another file's own."""
    async with running_ingest(broker.bootstrap) as running:
        yield running


@pytest.fixture(scope="session")
async def shared_database_url(stack: EmbeddedStack) -> str:
    """A migrated database for all tests whose rows have names of their own."""
    settings = MigrateSettings.model_validate({"database_url": stack.database_url})
    await migrate(settings)
    return stack.database_url


@pytest.fixture
def worker_settings(stack: EmbeddedStack, shared_database_url: str) -> MakeWorkerSettings:
    """Makes a worker's settings; what is given differs from the defaults."""

    def make(**changes: object) -> WorkerSettings:
        given = {"kafka_bootstrap": stack.kafka_bootstrap, "database_url": shared_database_url}
        return WorkerSettings.model_validate({**given, **changes})

    return make


@pytest.fixture
async def empty_database_url(stack: EmbeddedStack) -> AsyncIterator[str]:
    """A database in which nothing is migrated."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    url = make_url(stack.database_url)
    driver = url.set(drivername="postgresql+asyncpg", database="postgres")
    server = create_async_engine(driver, isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield url.set(database=name).render_as_string(hide_password=False)
    async with server.connect() as connection:
        await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    await server.dispose()
