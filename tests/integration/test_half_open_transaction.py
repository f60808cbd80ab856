"""A service whose line to PostgreSQL dies within a transaction is not locked out by itself."""

import asyncio

from sqlalchemy import text

from hookline.embedded.stack import EmbeddedStack
from runtime.database import IDLE_IN_TRANSACTION_TIMEOUT_S, dispose, new_engine, transaction
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


def stack_address(stack: EmbeddedStack) -> tuple[str, str, str]:
    """Where PostgreSQL listens."""
    return stack.database_url.rpartition("@")[2].partition("/")[0].rpartition(":")


def settings(url: str) -> DatabaseSettings:
    """Of one database."""
    return DatabaseSettings.model_validate({"database_url": url})
