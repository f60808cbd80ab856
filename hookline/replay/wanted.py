"""Event ids out of an operator's SQL, read only."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.replay.order import MAX_IDS, OrderError
from runtime.database import transaction

QUERY_TIMEOUT_S: Final = 30


async def ids_from_sql(engine: AsyncEngine, query: str) -> frozenset[str]:
    """The first and only column of a query, which runs in a read-only transaction for 30 s.

    Raises:
        OrderError: PostgreSQL refuses the query, or it gives something else or too much.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    # One more than may be, as a sign. In a FROM stands nothing but a query.
    within = f"SELECT * FROM (\n{query.strip().rstrip(';')}\n) AS wanted LIMIT {MAX_IDS + 1}"  # noqa: S608
    async with transaction(engine) as connection:
        await connection.execute(text("SET TRANSACTION READ ONLY"))
        await connection.execute(text(f"SET LOCAL statement_timeout = '{QUERY_TIMEOUT_S}s'"))
        try:
            result = await connection.exec_driver_sql(within)
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state is None:
                raise
            cause = type(error.orig.__cause__).__name__ if error.orig else ""
            raise OrderError(f"--ids-from-sql: {_wording(state)} ({cause}, {state})") from error
        rows = result.fetchall()
        if len(result.keys()) != 1 or any(not isinstance(row[0], str) for row in rows):
            raise OrderError("--ids-from-sql: it must give one column, of event ids as text")
    if len(rows) > MAX_IDS:
        raise OrderError(f"--ids-from-sql: it gives more than {MAX_IDS} ids")
    return frozenset(row[0] for row in rows)


def _wording(state: str) -> str:
    if state == "57014":
        return f"it took longer than {QUERY_TIMEOUT_S} s"
    if state == "25006":
        return "it would write, and may only read"
    return "PostgreSQL refuses the query"
