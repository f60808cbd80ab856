"""The private PostgreSQL: what its log may hold, and that what a killed one left does no harm."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from hookline.embedded.child import Child
from hookline.embedded.ports import port_for
from hookline.embedded.postgres import Postgres, find_binaries
from hookline.embedded.reaper import Reaper

SECRET: Final = "what somebody wrote"
ORPHANED_S: Final = 1.5
"""A server that begins meanwhile has been refused by then."""


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[str]:
    """The address of a server on a folder."""
    postgres = Postgres(folder, find_binaries(), port_for({}, "postgres"))
    postgres.prepare()
    with Reaper() as reaper:
        child = Child(postgres.program(folder / "postgres.log"), reaper, lambda _: None)
        try:
            await child.start()
            yield postgres.url
        finally:
            await child.stop()


async def test_its_log_holds_nothing_that_rows_hold(tmp_path: Path) -> None:
    """A row that is refused is somebody's comment; its message is kept, without the row."""
    async with running(tmp_path / "postgres") as url:
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE said (words text UNIQUE CHECK (words <> 'no'))")
        await connection.execute("INSERT INTO said VALUES ($1)", SECRET)
        with pytest.raises(asyncpg.UniqueViolationError, match="duplicate key"):
            await connection.execute("INSERT INTO said VALUES ($1)", SECRET)
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch(f"SELECT '{SECRET}' FROM nothing")
        await connection.close()
    log = (tmp_path / "postgres" / "postgres.log").read_text()
    assert "duplicate key value violates unique constraint" in log
    assert SECRET not in log


async def test_it_starts_beside_what_a_killed_one_left(tmp_path: Path) -> None:
    """A process of the killed server that has not noticed yet holds its memory for a moment."""
    folder = tmp_path / "postgres"
    postgres = Postgres(folder, find_binaries(), port_for({}, "postgres"))
    postgres.prepare()
    program = postgres.program(folder / "killed.log")
    server = await asyncio.create_subprocess_exec(
        *map(str, program.argv), env=dict(program.env), cwd=program.cwd, stderr=DEVNULL
    )
    while not await program.ready():
        await asyncio.sleep(0.1)
    connection = await asyncpg.connect(postgres.url)
    backend = connection.get_server_pid()
    os.kill(backend, signal.SIGSTOP)
    try:
        server.kill()
        await server.wait()
        asyncio.get_running_loop().call_later(ORPHANED_S, os.kill, backend, signal.SIGCONT)
        async with running(folder) as url:
            again = await asyncpg.connect(url)
            assert await again.fetchval("SELECT 1") == 1
            await again.close()
    finally:
        with suppress(ProcessLookupError):
            os.kill(backend, signal.SIGCONT)
        connection.terminate()
