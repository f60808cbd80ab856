"""Brings a database to the newest revision. Owns the lock and the time limits."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from runtime.database import dispose, new_engine
from runtime.errors import DatabaseUnavailableError, DependencyError, HooklineError, StopError
from runtime.partitions import ensure_partitions
from schemas.settings import MigrateSettings
from schemas.tables import PARTITIONED, SCHEMA, metadata

ADVISORY_LOCK: Final = 0x486F6F6B6C696E65
"""`Hookline` in ASCII: one migration at a time per database."""

_LOCKED: Final = frozenset({"55P03", "40P01"})
"""SQLSTATE of a lock that was not had in time, and of a deadlock: they pass.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

_PARTITION: Final = re.compile(rf"({'|'.join(PARTITIONED)})_(default|[0-9]{{4}}_[0-9]{{2}})")


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
        DatabaseUnavailableError: another session holds what a revision needs; try again.
        DependencyError: PostgreSQL cannot be reached.
        StopError: a revision failed; the database is at the one before.
    """
    try:
        async with open_connection(settings) as connection:
            await connection.run_sync(_upgrade)
            await connection.commit()
            await ensure_partitions(connection, settings.partition_months_ahead)
            await connection.commit()
    except DBAPIError as error:
        raise _failure(error) from error


def _failure(error: DBAPIError) -> HooklineError:
    """What became of a migration. PostgreSQL's own words may quote a row: they are not told."""
    state = getattr(error.orig, "sqlstate", None)
    if state in _LOCKED:
        return DatabaseUnavailableError(
            f"Another session holds a lock that the migration needs (sqlstate {state}). "
            "Nothing is half done: end that session or wait for it, and migrate again."
        )
    return StopError(f"A migration failed: {type(error.orig).__name__}, sqlstate {state}.")


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
    _name_schemas(connection)
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        **_COMPARISON,
    )
    with context.begin_transaction():
        context.run_migrations()


def differences(connection: Connection) -> list[Any]:
    """What Alembic would do to make the database equal to the models: nothing, when migrated.

    Views, primary keys and the month partitions are not compared.
    """
    _name_schemas(connection)
    return list(
        compare_metadata(MigrationContext.configure(connection, opts=_COMPARISON), metadata)
    )


def _name_schemas(connection: Connection) -> None:
    """Has every schema go by its name.

    The schema `hookline` is the default of a user of that name. Alembic calls a default schema
    None, finds no models there, and takes every table for missing.
    """
    connection.dialect.default_schema_name = "public"


def _ours(name: str | None, type_: str, _: Any) -> bool:
    """Whether the models tell of it. Partitions are made by the month, not by a revision."""
    if type_ == "schema":
        return name == SCHEMA
    return type_ != "table" or not _PARTITION.fullmatch(name or "")


_COMPARISON: Final[dict[str, Any]] = {
    "version_table_schema": SCHEMA,
    "include_schemas": True,
    "include_name": _ours,
    "compare_server_default": True,
}
"""How Alembic compares, for `differences`, `alembic check` and `alembic revision`."""
