"""One connection in the place of an engine, so that a handler's transactions are part of another.

What a batch did, what is counted of it and how far the replay came are committed together: one
that is killed has done and counted a batch, or has not.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

REST_S = 60
"""How long a transaction of ours may rest: the largest body is split within one."""


class _Held:
    """As much of an engine as `runtime.database.transaction` uses."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction; within one, a savepoint."""
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[AsyncConnection]:
        inside = self._connection.in_transaction()
        begin = self._connection.begin_nested if inside else self._connection.begin
        async with begin():
            yield self._connection


@asynccontextmanager
async def hold(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """What handlers take for an engine: one connection of it, which is thrown away at the end."""
    async with engine.connect() as connection:
        try:
            await connection.execute(text(f"SET idle_in_transaction_session_timeout = '{REST_S}s'"))
            await connection.commit()
            yield cast("AsyncEngine", _Held(connection))
        finally:
            await connection.invalidate()
