"""How everything stood at the last look, in PostgreSQL, and the audit of what was mended."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeAlias
from uuid import uuid4

from sqlalchemy import delete, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from runtime.database import transaction
from schemas.tables import SCHEMA, breakers, operations, subscription_checks
from workers.watchdog.standing import REPAIR_INTERVAL, Standing

ACTOR: Final = "watchdog"
VERB: Final = "watchdog repair"

LOCK: Final = 0x484F4F4B4C49_01
"""Of the advisory lock, in PostgreSQL's one space for all of them."""

Key: TypeAlias = tuple[str, str]
"""App and account; the account is empty for the app's own."""

_OF_REPAIRS: Final = ("repair_tried_at", "repaired_at")
_KEY: Final = ("app_id", "account_id")


class Latest(NamedTuple):
    """What the tables tell of the line: when the latest was received that each stage has, and the
    stages that stopped by themselves."""

    archived_at: datetime | None
    seen_at: datetime | None
    open_breakers: list[str]


class Alone:
    """The lock that lets one replica work. `hold` has to be called every few minutes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def hold(self) -> None:
        """Keeps the lock.

        Raises:
            RetryError: it is lost.
        """
        await self._connection.execute(text("SELECT 1"))


@asynccontextmanager
async def alone(engine: AsyncEngine) -> AsyncIterator[Alone | None]:
    """The lock, until the end of the context; None where another replica has it.

    Raises:
        RetryError: PostgreSQL is away.
    """
    async with transaction(engine) as connection:
        # Calls to Meta are made meanwhile, each of which may take a minute.
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '5min'"))
        held = await connection.scalar(
            text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK}
        )
        yield Alone(connection) if held else None


async def standings(engine: AsyncEngine) -> dict[Key, Standing]:
    """How everything stood at the last look."""
    columns = [subscription_checks.c[name] for name in Standing._fields]
    async with transaction(engine) as connection:
        rows = await connection.execute(select(*columns))
        return {(row.app_id, row.account_id): Standing(*row) for row in rows}


async def put(engine: AsyncEngine, standing: Standing) -> None:
    """Stores how something stands. What is known of repairs stays."""
    statement = insert(subscription_checks).values(standing._asdict())
    replaced = {
        name: statement.excluded[name]
        for name in Standing._fields
        if name not in (*_KEY, *_OF_REPAIRS)
    }
    async with transaction(engine) as connection:
        await connection.execute(
            statement.on_conflict_do_update(index_elements=_KEY, set_=replaced)
        )


async def keep_only(engine: AsyncEngine, keys: Iterable[Key]) -> None:
    """Forgets what is not looked at any more."""
    columns = tuple_(*(subscription_checks.c[name] for name in _KEY))
    async with transaction(engine) as connection:
        await connection.execute(delete(subscription_checks).where(columns.not_in(list(keys))))


async def begin_repair(
    engine: AsyncEngine, standing: Standing, fields: Iterable[str], now: datetime
) -> str | None:
    """Notes an attempt before it is made, and gives the id of its audit row; None when there was
    one within the hour, whoever made it.
    """
    tried_at = subscription_checks.c.repair_tried_at
    claimed = (
        update(subscription_checks)
        .where(
            *(subscription_checks.c[name] == getattr(standing, name) for name in _KEY),
            or_(tried_at.is_(None), tried_at <= now - REPAIR_INTERVAL),
        )
        .values(repair_tried_at=now)
    )
    operation_id = str(uuid4())
    row = {
        "operation_id": operation_id,
        "verb": VERB,
        "arguments": {**standing.subject, "fields": list(fields), "reason": standing.reason},
        "actor": ACTOR,
        "state": "running",
        "counts": {},
        "started_at": now,
        "updated_at": now,
    }
    async with transaction(engine) as connection:
        if (await connection.execute(claimed)).rowcount == 0:
            return None
        await connection.execute(insert(operations).values(row))
    return operation_id


async def end_repair(
    engine: AsyncEngine,
    operation_id: str,
    standing: Standing,
    state: Literal["done", "failed", "stopped"],
    now: datetime,
) -> None:
    """Notes what became of an attempt."""
    repaired = int(state == "done")
    audited = (
        update(operations)
        .where(operations.c.operation_id == operation_id)
        .values(state=state, counts={"repaired": repaired}, updated_at=now, ended_at=now)
    )
    async with transaction(engine) as connection:
        await connection.execute(audited)
        if repaired:
            await connection.execute(
                update(subscription_checks)
                .where(*(subscription_checks.c[name] == getattr(standing, name) for name in _KEY))
                .values(repaired_at=now)
            )


_LATEST: Final = text(
    f"SELECT (SELECT max(received_at) FROM {SCHEMA}.deliveries) AS archived_at, "  # noqa: S608
    f"(SELECT max(received_at) FROM {SCHEMA}.sightings) AS seen_at"
)


async def latest(engine: AsyncEngine) -> Latest:
    """How far the stages are."""
    open_ones = select(breakers.c.stage).where(breakers.c.closed_at.is_(None))
    async with transaction(engine) as connection:
        row = (await connection.execute(_LATEST)).one()
        stages = (await connection.scalars(open_ones)).all()
    return Latest(row.archived_at, row.seen_at, list(stages))
