"""A service whose lines to PostgreSQL die is not locked out by itself, and soon has others."""

import asyncio

import pytest
from sqlalchemy import text

from hookline.embedded.stack import EmbeddedStack
from runtime.database import IDLE_IN_TRANSACTION_TIMEOUT_S, dispose, new_engine, transaction
from runtime.errors import DatabaseUnavailableError
from schemas.settings import DatabaseSettings
from tests.faults.proxy import Proxy

LOCK = text("SELECT * FROM held FOR UPDATE")


async def test_locks_of_a_dead_line_are_given_back(stack: EmbeddedStack, database_url: str) -> None:
    """The server ends the session that rests in a transaction, long before TCP notices."""
    host, _, port = stack_address(stack)
    async with Proxy(host, int(port)) as proxy:
        stranded = new_engine(settings(proxy.before(database_url)), "stranded")
        other = new_engine(settings(database_url), "other")
        try:
            async with transaction(other) as connection:
                await connection.execute(text("CREATE TABLE held AS SELECT 1 AS id"))
            lost = await stranded.connect()
            await lost.execute(LOCK)
            proxy.strand()
            async with asyncio.timeout(IDLE_IN_TRANSACTION_TIMEOUT_S * 5):
                async with transaction(other) as free:
                    assert (await free.execute(LOCK)).scalars().all() == [1]
            await lost.invalidate()
            await lost.close()
        finally:
            await dispose(stranded)
            await dispose(other)


async def test_lines_that_die_together_cost_one_time_out(
    stack: EmbeddedStack, database_url: str
) -> None:
    """When one of the pool does not answer, the others are not tried."""
    host, _, port = stack_address(stack)
    async with Proxy(host, int(port)) as proxy:
        url = proxy.before(database_url)
        engine = new_engine(settings(url), "stranded", command_timeout_s=0.5)
        both_open = asyncio.Barrier(2)

        async def ask() -> None:
            async with transaction(engine) as connection:
                await connection.execute(text("SELECT 1"))
                await both_open.wait()

        try:
            await asyncio.gather(ask(), ask())
            assert proxy.connections == 2
            proxy.strand()
            with pytest.raises(DatabaseUnavailableError):
                await ask()
            await asyncio.gather(ask(), ask())
        finally:
            await dispose(engine)


def stack_address(stack: EmbeddedStack) -> tuple[str, str, str]:
    """Where PostgreSQL listens."""
    return stack.database_url.rpartition("@")[2].partition("/")[0].rpartition(":")


def settings(url: str) -> DatabaseSettings:
    """Of one database."""
    return DatabaseSettings.model_validate({"database_url": url})
