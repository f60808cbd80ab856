"""PostgreSQL: the engine, what its errors ask for, and rows in bulk."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import AdaptedConnection, ExceptionContext, Table, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from runtime.errors import (
    DatabaseUnavailableError,
    DependencyError,
    RejectError,
    SchemaBehindError,
    StatementTimeoutError,
    StopError,
)
from schemas.settings import DatabaseSettings
from schemas.tables import REVISION, SCHEMA

CONNECT_TIMEOUT_S: Final = 5.0
DISPOSE_TIMEOUT_S: Final = 1.0
STATEMENT_TIMEOUT_S: Final = 60.0

ANSWER_MARGIN_S: Final = 1.0
"""What PostgreSQL gets to say that a statement took too long. Then the connection is lost."""

IDLE_IN_TRANSACTION_TIMEOUT_S: Final = 5.0
"""What a service does within a transaction takes it milliseconds between two statements. When its
line is dead, the server would keep its locks until TCP gives up, which takes hours."""

_RETRIED: Final = ("08", "40", "53", "57", "58", "25006", "25P03", "55P03", "3D000", "28")
"""SQLSTATE prefixes of states that pass: no connection, serialization, resources, operator's
intervention, I/O, a standby that takes no writes, a pause within a transaction, locks, and a
server being set up.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

_STATEMENT_ENDED: Final = "57014"

_REJECTED: Final = ("22", "23", "54")
"""Data that no column takes: values out of range, constraints, limits of the program."""


def new_engine(
    settings: DatabaseSettings,
    service: str,
    *,
    command_timeout_s: float | None = STATEMENT_TIMEOUT_S,
) -> AsyncEngine:
    """An engine for one service. Connects when first used; the caller disposes of it.

    PostgreSQL ends a statement after `command_timeout_s`; without it, transactions may also rest
    for as long as they like.
    """
    url = make_url(settings.database_url.get_secret_value())
    if mode := url.query.get("sslmode"):  # libpq's word for what asyncpg calls ssl
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    ended_s = rest_s = 0.0  # which is never
    lost_s: float | None = None
    if command_timeout_s is not None:
        ended_s, rest_s = command_timeout_s, IDLE_IN_TRANSACTION_TIMEOUT_S
        lost_s = command_timeout_s + ANSWER_MARGIN_S
    engine = create_async_engine(
        url.set(drivername="postgresql+asyncpg"),
        pool_size=4,
        max_overflow=0,
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": lost_s,
            "server_settings": {
                "application_name": f"hookline.{service}",
                "timezone": "UTC",
                "jit": "off",
                # Offsets are committed after it, and answers are sent: a crash must not undo it.
                "synchronous_commit": "on",
                "statement_timeout": f"{ended_s * 1000:.0f}ms",
                "idle_in_transaction_session_timeout": f"{rest_s * 1000:.0f}ms",
            },
        },
    )
    event.listen(engine.sync_engine, "handle_error", _suspect_the_others)
    event.listen(engine.sync_engine, "close", _hang_up)
    return engine


def _suspect_the_others(error: ExceptionContext) -> None:
    """When PostgreSQL has not answered on one connection, those that rest in the pool are not used
    again: they may be as dead, and each would take a time-out to tell.
    """
    if isinstance(error.original_exception, TimeoutError):
        error.invalidate_pool_on_disconnect = True


def _hang_up(connection: AdaptedConnection, _: object) -> None:
    """Ends a connection without a goodbye, which over a dead line takes SQLAlchemy 2 s."""
    connection.driver_connection.terminate()


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction, committed at the end. Errors come out as what they ask for.

    Raises:
        DatabaseUnavailableError: try again.
        RejectError: PostgreSQL will never take these rows (`sqlstate_…`).
        StopError: anything else, such as a missing table or permission.
    """
    try:
        async with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise _translate(error) from error
    except (OSError, TimeoutError, PoolTimeoutError) as error:
        raise DatabaseUnavailableError(type(error).__name__) from error


def _translate(error: DBAPIError) -> Exception:
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        if error.connection_invalidated or isinstance(error, InterfaceError):
            return DatabaseUnavailableError(type(error.orig).__name__)
        return StopError(f"the database driver refused: {type(error.orig).__name__}")
    if state == _STATEMENT_ENDED:
        return StatementTimeoutError(f"sqlstate {state}")
    if state.startswith(_RETRIED):
        return DatabaseUnavailableError(f"sqlstate {state}")
    if state.startswith(_REJECTED):
        return RejectError(f"sqlstate_{state}", _refusal(error))
    return StopError(f"PostgreSQL refused a statement: sqlstate {state}")


def _refusal(error: DBAPIError) -> str:
    """What PostgreSQL refuses: its code and names, such as `23514 CheckViolationError constraint
    ck_x`. Its message and detail stay out, for they quote values.
    """
    refused = error.orig and error.orig.__cause__
    told = {one: getattr(refused, f"{one}_name", None) for one in ("constraint", "column")}
    names = [f"{what} {name}" for what, name in told.items() if name]
    return " ".join([getattr(refused, "sqlstate", ""), type(refused).__name__, *names])


async def require_revision(engine: AsyncEngine, needed: str = REVISION) -> None:
    """Returns when the database is at the revision that this release needs, or beyond it.

    Revisions are numbered, so a database that a newer release migrated counts as beyond.

    Raises:
        DependencyError: PostgreSQL cannot be reached.
        SchemaBehindError: migrations are missing.
    """
    try:
        async with transaction(engine) as connection:
            known = await connection.scalar(
                text("SELECT to_regclass(:name) IS NOT NULL"),
                {"name": f"{SCHEMA}.alembic_version"},
            )
            found = known and await connection.scalar(
                text(f"SELECT max(version_num) FROM {SCHEMA}.alembic_version")  # noqa: S608
            )
    except (DatabaseUnavailableError, StopError) as error:
        raise DependencyError(f"PostgreSQL cannot be used ({error}). Does it run?") from error
    if not found or found < needed:
        raise SchemaBehindError(
            f"The database is at revision {found or 'none'} and must be at {needed}. "
            "Run `hookline migrate` first."
        )


def column_types(table: Table, columns: Iterable[str]) -> dict[str, str]:
    """The SQL types of some of a table's columns, by name."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped there
    return {name: table.c[name].type.compile(dialect) for name in columns}


class BulkStatement:
    """A statement over rows that travel as one array a column: `unnest($1::text[], …)`.

    Three to ten times faster than a list of VALUES, and one plan for any number of rows.

    Its tables stand in the schema that the connection's option `schema_translate_map` has for
    ours, as those of SQLAlchemy's own statements do.
    """

    def __init__(self, types: Mapping[str, str], statement: str) -> None:
        """`types` are columns with their SQL types.

        In the statement `{rows}` is the relation, and `{schema}` the schema of its tables.
        """
        arrays = ", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(types.values(), start=1))
        self._rows = f"unnest({arrays}) AS rows ({', '.join(types)})"
        self._statement = statement
        self._sql_by_schema: dict[str, str] = {}

    def sql(self, schema: str) -> str:
        """The statement over the tables of a schema."""
        if schema not in self._sql_by_schema:
            self._sql_by_schema[schema] = self._statement.format(rows=self._rows, schema=schema)
        return self._sql_by_schema[schema]

    async def fetch(
        self, connection: AsyncConnection, rows: Sequence[Sequence[Any]]
    ) -> Sequence[Any]:
        """Runs the statement over rows whose values stand in the order of the types."""
        sql = self.sql(schema_of(connection))
        result = await connection.exec_driver_sql(sql, _arrays(rows))
        return result.fetchall()

    async def execute(self, connection: AsyncConnection, rows: Sequence[Sequence[Any]]) -> int:
        """Runs a statement that returns no rows; gives the number of rows it wrote."""
        sql = self.sql(schema_of(connection))
        result = await connection.exec_driver_sql(sql, _arrays(rows))
        return result.rowcount


def in_schema(engine: AsyncEngine, schema: str) -> AsyncEngine:
    """The same engine and connections; statements find Hookline's tables in this schema."""
    return engine.execution_options(schema_translate_map={SCHEMA: schema})


def schema_of(connection: AsyncConnection) -> str:
    """The schema in which statements of this connection find Hookline's tables."""
    inner = connection.sync_connection
    options = inner.get_execution_options() if inner is not None else {}
    translated: Mapping[str, str] = options.get("schema_translate_map") or {}
    return translated.get(SCHEMA, SCHEMA)


def _arrays(rows: Sequence[Sequence[Any]]) -> tuple[list[Any] | None, ...]:
    """One array a column. `unnest` fills what is missing with nulls, so a column of nothing but
    nulls needs no array, which spares a good part of the encoding.
    """
    columns = zip(*rows, strict=True)
    return tuple(None if column.count(None) == len(rows) else list(column) for column in columns)


async def dispose(engine: AsyncEngine) -> None:
    """Closes the engine's connections, for at most a second."""
    try:
        async with asyncio.timeout(DISPOSE_TIMEOUT_S):
            await engine.dispose()
    except (TimeoutError, OSError):
        pass
