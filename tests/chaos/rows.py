"""Looks for deliveries in SQL, past every proxy. Goes on by itself when the server was away."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, TypeAlias

import asyncpg

from simulator.delivery import Delivery

LOOK_INTERVAL_S: Final = 0.05
COUNT_INTERVAL_S: Final = 1.0
TIMEOUT_S: Final = 2.0

# Wants in the order of the tables' keys, so that each look is a few index reads.
_STORED: Final = """
WITH wanted AS (
    SELECT id, split_part(id, ':', 1) AS field, split_part(id, ':', 2) AS account_id,
        split_part(id, ':', 3) AS third, split_part(id, ':', 4) AS fourth
    FROM unnest($1::text[]) AS id
)
SELECT id FROM wanted JOIN hookline.comments USING (account_id, field)
WHERE comment_id = third
UNION ALL
SELECT id FROM wanted JOIN hookline.mentions USING (account_id)
WHERE field = 'mentions' AND media_id = third
    AND mentions.comment_id = CASE fourth WHEN '-' THEN '' ELSE fourth END
UNION ALL
SELECT encode(sha256(body), 'hex') FROM hookline.deliveries
WHERE received_at >= $2 AND sha256 = ANY ($3::text[])
"""

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a server that is killed, paused or starting makes of a question."""


class Rows:
    """What is stored by now. `run` must be running."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._since = datetime.now(UTC)
        self._wanted: dict[str, list[asyncio.Event]] = {}
        self._connection: _Connection | None = None
        self.deliveries = 0

    async def stored(self, delivery: Delivery) -> None:
        """Returns when the archive has this delivery and every event of it has its row."""
        names = {change.event_id for change in delivery.changes if change.event_id is not None}
        names.add(sha256(delivery.body).hexdigest())
        found = {name: asyncio.Event() for name in names}
        for name, event in found.items():
            self._wanted.setdefault(name, []).append(event)
        for event in found.values():
            await event.wait()

    async def run(self) -> None:
        """Looks again and again, until it is cancelled."""
        counted_s = 0.0
        loop = asyncio.get_running_loop()
        try:
            while True:
                with suppress(*AWAY):
                    await self._look()
                    if loop.time() - counted_s > COUNT_INTERVAL_S:
                        await self._count()
                        counted_s = loop.time()
                await asyncio.sleep(LOOK_INTERVAL_S)
        finally:
            if self._connection is not None:
                self._connection.terminate()

    async def _look(self) -> None:
        connection = await self._connected()
        if not self._wanted:
            return
        names = list(self._wanted)
        events = [name for name in names if ":" in name]
        bodies = [name for name in names if ":" not in name]
        for row in await connection.fetch(_STORED, events, self._since, bodies):
            for event in self._wanted.pop(row[0], []):
                event.set()

    async def _count(self) -> None:
        connection = await self._connected()
        self.deliveries = await connection.fetchval("SELECT count(*) FROM hookline.deliveries")

    async def _connected(self) -> _Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url, timeout=TIMEOUT_S, command_timeout=TIMEOUT_S
            )
        return self._connection
