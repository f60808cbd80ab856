"""Answers in PostgreSQL, read."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.replies.filters import Filters
from hookline.replies.row import Row
from runtime.database import transaction
from schemas.tables import replies

_COLUMNS: Final = [replies.c[name] for name in Row._fields]


class Counts(NamedTuple):
    """How many answers are in each state.

    `dry_runs` of the planned ones are never sent; `wait_for_a_person` of the unknown ones nobody
    else will find.
    """

    planned: int
    sending: int
    sent: int
    failed: int
    unknown: int
    dry_runs: int
    wait_for_a_person: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.planned + self.sending + self.sent + self.failed + self.unknown


def rows_where(filters: Filters) -> Select[Any]:
    """The answers that are meant, the newest first."""
    return (
        select(*_COLUMNS)
        .where(*filters.conditions())
        .order_by(replies.c.created_at.desc(), replies.c.reply_key)
    )


async def read_rows(connection: AsyncConnection, query: Select[Any]) -> list[Row]:
    """The answers of a query that `rows_where` began."""
    return [Row(*row) for row in await connection.execute(query)]


async def listed(engine: AsyncEngine, filters: Filters, limit: int) -> tuple[list[Row], Counts]:
    """The newest answers that are meant, and how many there are of all of them.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        rows = await read_rows(connection, rows_where(filters).limit(limit))
        return rows, await _counts(connection, filters)


async def _counts(connection: AsyncConnection, filters: Filters) -> Counts:
    columns = replies.c
    numbers = [func.count().filter(columns.state == state) for state in Counts._fields[:5]]
    numbers.append(func.count().filter(columns.state == "planned", columns.dry_run))
    numbers.append(func.count().filter(columns.state == "unknown", columns.due_at.is_(None)))
    query = select(*numbers).select_from(replies).where(*filters.conditions())
    found: Sequence[int] = (await connection.execute(query)).one()
    return Counts(*found)


async def read_by_keys(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, Row]:
    """The answers of these keys, as far as there are any."""
    query = select(*_COLUMNS).where(replies.c.reply_key.in_(keys))
    return {row.reply_key: row for row in await read_rows(connection, query)}
