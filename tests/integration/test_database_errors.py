"""What PostgreSQL's errors ask for, and what is told of them."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.cli.database import database
from runtime.database import transaction
from runtime.errors import (
    DependencyError,
    HooklineError,
    RejectError,
    StatementTimeoutError,
    StopError,
)
from schemas.settings import DatabaseSettings

SECRET = "somebody's words"

TABLE = """
    CREATE TABLE said (
        id int PRIMARY KEY,
        words text NOT NULL CONSTRAINT short CHECK (words = '')
    )
"""


async def raised(engine: AsyncEngine, *statements: str) -> HooklineError:
    """What a transaction raises that may use the table."""
    async with transaction(engine) as connection:
        await connection.execute(text("DROP TABLE IF EXISTS said"))
        await connection.execute(text(TABLE))
        await connection.execute(text("INSERT INTO said VALUES (1, '')"))
    with pytest.raises(HooklineError) as caught:
        await _run(engine, statements)
    return caught.value


async def _run(engine: AsyncEngine, statements: Sequence[str]) -> None:
    async with transaction(engine) as connection:
        for statement in statements:
            given = {"words": SECRET} if ":words" in statement else {}
            await connection.execute(text(statement), given)


@pytest.mark.parametrize(
    ("statement", "reason", "detail"),
    [
        (
            "INSERT INTO said VALUES (2, :words)",
            "sqlstate_23514",
            "23514 CheckViolationError constraint short",
        ),
        (
            "INSERT INTO said VALUES (2, NULL)",
            "sqlstate_23502",
            "23502 NotNullViolationError column words",
        ),
        (
            "INSERT INTO said VALUES (1, '')",
            "sqlstate_23505",
            "23505 UniqueViolationError constraint said_pkey",
        ),
        (
            "INSERT INTO said VALUES (2, ('\"' || CAST(:words AS text))::json::text)",
            "sqlstate_22P02",
            "22P02 InvalidTextRepresentationError",
        ),
        (
            "INSERT INTO said VALUES (99999999999, '')",
            "sqlstate_22003",
            "22003 NumericValueOutOfRangeError",
        ),
    ],
)
async def test_a_refusal_names_its_cause_and_no_value(
    engine: AsyncEngine, statement: str, reason: str, detail: str
) -> None:
    """Code, constraint and column, which group dead letters of one cause."""
    error = await raised(engine, statement)
    assert isinstance(error, RejectError)
    assert (error.reason, error.detail) == (reason, detail)
    assert SECRET not in str(error)


async def test_a_statement_that_was_ended_may_be_repeated(engine: AsyncEngine) -> None:
    """By its own time limit, or by an operator."""
    limit = "SET LOCAL statement_timeout = '50ms'"
    assert isinstance(await raised(engine, limit, "SELECT pg_sleep(60)"), StatementTimeoutError)


async def test_a_table_that_is_not_there_stops(engine: AsyncEngine) -> None:
    """Nothing that another try, or leaving a record out, would heal."""
    assert isinstance(await raised(engine, "SELECT * FROM nowhere"), StopError)


async def test_a_verb_without_postgres_is_told_so(database_url: str) -> None:
    """Exit code 3, also when it goes away in the middle."""
    settings = DatabaseSettings.model_validate({"database_url": database_url})
    with pytest.raises(DependencyError, match="went away"):
        async with database(settings, "test") as engine, transaction(engine) as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
