"""PostgreSQL's time, put forward: a day passes for whoever goes by it while a test takes seconds.

    clock = Clock()                        # `clock.time` is for who shares a process with it
    await clock.install(database_url)      # before anybody else connects
    await clock.forward(timedelta(hours=1))

`now()` and `clock_timestamp()` of a schema of their own stand before PostgreSQL's in the search
path of the database. Whatever takes a time from it, and there the outbox takes all of its times,
lives that much later; processes keep their own clocks, and Kafka too.
"""

import time
from datetime import timedelta
from typing import Final

import asyncpg

_INSTALL: Final = """
CREATE SCHEMA clock;
CREATE TABLE clock.ahead (by interval NOT NULL);
INSERT INTO clock.ahead VALUES ('0');
CREATE FUNCTION clock.now() RETURNS timestamptz STABLE LANGUAGE sql
    AS 'SELECT pg_catalog.now() + (SELECT by FROM clock.ahead)';
CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
    AS 'SELECT pg_catalog.clock_timestamp() + (SELECT by FROM clock.ahead)';
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = public, clock, pg_catalog',
        current_database());
END $$;
"""

# A call that is under way lasts no longer for that: its lease goes forward, too. Nobody begins one
# in between.
_FORWARD: Final = (
    "LOCK TABLE hookline.replies IN EXCLUSIVE MODE",
    "UPDATE clock.ahead SET by = by + $1",
    "UPDATE hookline.replies SET leased_until = leased_until + $1 WHERE state = 'sending'",
)


class Clock:
    """The time of one database, and of whoever is given `time` for a clock: real until put forward.

    Attributes:
        ahead: by how much.
    """

    def __init__(self) -> None:
        self.ahead = timedelta()
        self._url = ""

    def time(self) -> float:
        """Unix seconds."""
        return time.time() + self.ahead.total_seconds()

    async def install(self, database_url: str) -> None:
        """Gives it to a database. Whoever is connected already keeps the old one."""
        self._url = database_url
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute(_INSTALL)
        finally:
            await connection.close()

    async def forward(self, by: timedelta) -> None:
        """It is so much later, from one moment to the next."""
        connection = await asyncpg.connect(self._url)
        try:
            async with connection.transaction():
                lock, *updates = _FORWARD
                await connection.execute(lock)
                for update in updates:
                    await connection.execute(update, by)
        finally:
            await connection.close()
        self.ahead += by
