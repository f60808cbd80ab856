"""The scratch schema that a rebuild writes into. Owns its names, its marker, and its end.

Its tables are unlogged: they hold nothing that cannot be made again, and a rebuild does not burden
the write-ahead log of a database that serves live traffic. A crash of PostgreSQL empties them,
marker included, so the next run begins anew instead of trusting what is left.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.rebuild import reads
from hookline.rebuild.compared import COMPARED
from runtime.database import transaction
from runtime.errors import StopError
from runtime.worker import VERSION
from schemas.tables import ANALYTICS, REVISION, SCHEMA, deliveries

DEFAULT: Final = "hookline_rebuild"

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,47}", re.ASCII)
_TAKEN: Final = frozenset({SCHEMA, ANALYTICS, "public", "information_schema"})

_OWN_TABLES: Final = """
CREATE UNLOGGED TABLE {schema}.marker (
    until timestamptz,
    version text NOT NULL,
    begun_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNLOGGED TABLE {schema}.batches (
    batch bigint PRIMARY KEY,
    deliveries bigint NOT NULL,
    failed bigint NOT NULL DEFAULT 0,
    done_at timestamptz
);
CREATE INDEX ON {schema}.batches (batch) WHERE done_at IS NULL;
CREATE UNLOGGED TABLE {schema}.work (
    batch bigint NOT NULL,
    received_at timestamptz NOT NULL,
    delivery_id uuid NOT NULL
);
CREATE INDEX ON {schema}.work (batch);
CREATE UNLOGGED TABLE {schema}.damaged (delivery_id uuid PRIMARY KEY);
"""

_ERASED: Final = f"""
SELECT EXISTS (
    SELECT FROM {{schema}}.work WHERE NOT EXISTS (
        SELECT FROM {SCHEMA}.{deliveries.name} AS archived
        WHERE archived.received_at = work.received_at AND archived.delivery_id = work.delivery_id
    )
)
"""  # noqa: S608 - names of ours


class RebuildError(StopError):
    """A rebuild cannot be begun or has come to nothing. The live tables are as they were."""

    reason = "rebuild"


class Begun(NamedTuple):
    """A scratch schema that is ready. `resumed` when an earlier run left it half done."""

    schema: str
    begun_at: datetime
    resumed: bool


def is_scratch_name(name: str) -> bool:
    """Whether a scratch schema may have this name: lower case, and nobody else's."""
    return _NAME.fullmatch(name) is not None and name not in _TAKEN and not name.startswith("pg_")


@asynccontextmanager
async def held(engine: AsyncEngine, schema: str) -> AsyncIterator[None]:
    """Keeps other rebuilds out of the schema, for as long as the connection lives.

    Raises:
        RebuildError: one is at work there.
    """
    key = {"name": f"hookline rebuild {schema}"}
    async with engine.connect() as connection:
        free = await connection.scalar(
            text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), key
        )
        await connection.commit()
        if not free:
            raise RebuildError(f"Another rebuild is at work in the schema {schema}: let it end.")
        try:
            yield
        finally:
            await connection.execute(
                text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), key
            )
            await connection.commit()


async def begin(engine: AsyncEngine, schema: str, until: datetime | None) -> Begun:
    """The schema to build in: the one that a killed run left, else a fresh one.

    It is gone on with when the same release began it with the same `until`, and every delivery
    and Graph read that it may have used is still there: what was erased must not come back.
    Batches that are marked done are in the tables; any other is done again, which changes nothing.

    Raises:
        RebuildError: there is a schema of this name that no rebuild made.
    """
    async with transaction(engine) as connection:
        exists = await connection.scalar(
            text("SELECT to_regnamespace(:schema) IS NOT NULL"), {"schema": schema}
        )
        if exists:
            left = await _left_behind(connection, schema, until)
            if left is not None:
                return Begun(schema, left, resumed=True)
            await connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        begun_at = datetime.now(UTC)
        await _create(connection, schema, until, begun_at)
    return Begun(schema, begun_at, resumed=False)


async def _left_behind(
    connection: AsyncConnection, schema: str, until: datetime | None
) -> datetime | None:
    """When the rebuild that can be gone on with was begun; None when there is none."""
    ours = await connection.scalar(
        text("SELECT to_regclass(:name) IS NOT NULL"), {"name": f"{schema}.marker"}
    )
    if not ours:
        raise RebuildError(
            f"The schema {schema} is there and was not made by a rebuild. "
            "Name another one with --schema."
        )
    found: datetime | None = await connection.scalar(
        text(
            f"SELECT begun_at FROM {schema}.marker "  # noqa: S608 - a checked name
            "WHERE ended_at IS NULL AND version = :version "
            "AND until IS NOT DISTINCT FROM CAST(:until AS timestamptz)"
        ),
        {"version": _version(), "until": until},
    )
    if found:
        for erased in (_ERASED, reads.ERASED):
            if await connection.scalar(text(erased.format(schema=schema))):
                return None
    return found


async def _create(
    connection: AsyncConnection, schema: str, until: datetime | None, begun_at: datetime
) -> None:
    own = _OWN_TABLES + reads.TABLE
    statements = [f"CREATE SCHEMA {schema}", *own.format(schema=schema).split(";")]
    for one in COMPARED:
        name = one.table.name
        # Only the key is indexed: nobody reads these tables but the merges and the comparison.
        like = f"LIKE {SCHEMA}.{name} INCLUDING DEFAULTS"
        statements += [
            f"CREATE UNLOGGED TABLE {schema}.{name} ({like}) WITH (autovacuum_enabled = false)",
            f"ALTER TABLE {schema}.{name} ADD PRIMARY KEY ({', '.join(one.key)})",
        ]
    for statement in statements:
        await connection.execute(text(statement))
    await connection.execute(
        text(
            f"INSERT INTO {schema}.marker (until, version, begun_at) "  # noqa: S608
            "VALUES (:until, :version, :begun_at)"
        ),
        {"until": until, "version": _version(), "begun_at": begun_at},
    )


def _version() -> str:
    return f"{VERSION}/{REVISION}"


async def end(engine: AsyncEngine, schema: str) -> None:
    """Marks a rebuild that came to its end: the next one begins anew."""
    async with transaction(engine) as connection:
        await connection.execute(
            text(f"UPDATE {schema}.marker SET ended_at = now()")  # noqa: S608
        )


async def drop(engine: AsyncEngine, schema: str) -> None:
    """Removes the scratch schema."""
    async with transaction(engine) as connection:
        await connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))


async def analyze(engine: AsyncEngine, schema: str) -> None:
    """Tells the planner about the tables that were filled."""
    async with transaction(engine) as connection:
        for one in COMPARED:
            await connection.execute(text(f"ANALYZE {schema}.{one.table.name}"))
