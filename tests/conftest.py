"""What tests share: a real Kafka and PostgreSQL, started once, and databases of their own."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import settings
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hookline.embedded.stack import EmbeddedStack
from migrations.apply import migrate
from runtime.database import dispose, new_engine
from schemas.settings import MigrateSettings

# How long an example takes says something about the machine, nothing about the code.
settings.register_profile("hookline", deadline=None)
settings.load_profile("hookline")


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedStack]:
    """A running Kafka and PostgreSQL for the whole session."""
    async with EmbeddedStack(tmp_path_factory.mktemp("stack"), {}) as running:
        yield running


@pytest.fixture(scope="session")
async def template_url(stack: EmbeddedStack) -> str:
    """A migrated database that nobody writes to: others are copied from it."""
    url = await _create_database(stack.database_url, "template1")
    await migrate(MigrateSettings.model_validate({"database_url": url}))
    return url


@pytest.fixture
async def database_url(template_url: str) -> AsyncIterator[str]:
    """A migrated, empty database of the test's own."""
    async with copied(template_url) as url:
        yield url


@asynccontextmanager
async def copied(template_url: str) -> AsyncIterator[str]:
    """A database like this one, until the end of the context."""
    url = await _create_database(template_url, make_url(template_url).database or "")
    yield url
    await _administer(template_url, f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's own database."""
    opened = new_engine(MigrateSettings.model_validate({"database_url": database_url}), "test")
    yield opened
    await dispose(opened)


async def _create_database(server_url: str, template: str) -> str:
    name = f"test_{uuid.uuid4().hex[:12]}"
    await _administer(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


async def _administer(server_url: str, statement: str) -> None:
    url = make_url(server_url).set(drivername="postgresql+asyncpg", database="postgres")
    administrator = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with administrator.connect() as connection:
        await connection.execute(text(statement))
    await administrator.dispose()
