"""Brings a database to the newest revision. Owns the lock and the time limits."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from runtime.database import dispose, new_engine
from runtime.errors import DependencyError, StopError
from runtime.partitions import ensure_partitions
from schemas.settings import MigrateSettings
from schemas.tables import SCHEMA, metadata

ADVISORY_LOCK: Final = 0x486F6F6B6C696E65
"""`Hookline` in ASCII: one migration at a time per database."""


@asynccontextmanager
async def open_connection(settings: MigrateSettings) -> AsyncIterator[AsyncConnection]:
    """A connection that holds the migration lock, with time limits on what follows.

    Raises:
        DependencyError: PostgreSQL cannot be reached.
    """
    async with AsyncExitStack() as stack:
        engine = new_engine(settings, "migrate", command_timeout_s=None)
        stack.push_async_callback(dispose, engine)
        connection = await _connect(engine)
        stack.push_async_callback(connection.close)
        # Waits for another migration without a limit: that one has limits of its own.
        await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        await connection.execute(
            text(
                "SELECT set_config('lock_timeout', :lock, false), "
                "set_config('statement_timeout', :statement, false)"
            ),
            {
                "lock": f"{settings.migrate_lock_timeout_s * 1000:.0f}ms",
                "statement": f"{settings.migrate_statement_timeout_s * 1000:.0f}ms",
            },
        )
        await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        await connection.commit()
        yield connection


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    try:
        return await engine.connect()
    except (DBAPIError, OSError, TimeoutError) as error:
        cause = getattr(error, "orig", None) or error
        raise DependencyError(
            f"PostgreSQL cannot be used ({type(cause).__name__}). Does it run?"
        ) from error


async def migrate(settings: MigrateSettings) -> None:
    """Applies what is missing, and makes partitions ahead. Does nothing when nothing is missing.

    Raises:
        DependencyError: PostgreSQL cannot be reached.
        StopError: a revision failed; the database is at the one before.
    """
    async with open_connection(settings) as connection:
        try:
            await connection.run_sync(_upgrade)
            await connection.commit()
            await ensure_partitions(connection, settings.partition_months_ahead)
            await connection.commit()
        except DBAPIError as error:
            # PostgreSQL's own words may quote a row.
            state = getattr(error.orig, "sqlstate", None)
            kind = type(error.orig).__name__
            raise StopError(f"A migration failed: {kind}, sqlstate {state}.") from error


def alembic_config() -> Config:
    """Alembic's configuration for use from code; `pyproject.toml` holds the command line's."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _upgrade(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def configure_and_run(connection: Connection) -> None:
    """Runs the revisions that Alembic was asked for, each in a transaction of its own."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=SCHEMA,
        include_schemas=True,
        include_name=_ours,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _ours(name: str | None, type_: str, _: Any) -> bool:
    return type_ != "schema" or name == SCHEMA
