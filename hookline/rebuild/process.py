"""`python -m hookline.rebuild.process SCHEMA`: one of the processes that do a rebuild's batches.

It ends when no batch is left, or when its standard input is closed: whoever started it is gone.
"""

import asyncio
import sys
from typing import Any, Final

import stamina
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.rebuild.batches import do_next
from hookline.rebuild.line import Line
from runtime.configuration import load
from runtime.database import dispose, new_engine
from runtime.errors import DependencyError, HooklineError, RetryError
from runtime.lifecycle import EXIT_NO, EXIT_OK, EXIT_UNREACHABLE, spare_the_collector
from schemas.settings import DatabaseSettings

BY_INDEX: Final = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
"""Turned off. Statements are planned while the scratch tables are empty, and the plans are kept:
one that reads all of a table would do so for every batch, of millions of rows in the end."""

PATIENCE_S: Final = 60.0
"""How long a batch is tried again while PostgreSQL is away or in the way."""


async def drain(engine: AsyncEngine, schema: str, stop: asyncio.Event | None = None) -> None:
    """Does batches until none is free, or until `stop` is set.

    Raises:
        DependencyError: PostgreSQL was away for too long.
    """
    line = Line(engine, schema)
    more = True
    while more and not (stop is not None and stop.is_set()):
        more = await _patiently(engine, schema, line)


async def _patiently(engine: AsyncEngine, schema: str, line: Line) -> bool:
    try:
        async for attempt in stamina.retry_context(
            on=RetryError, attempts=None, timeout=PATIENCE_S, wait_max=2.0
        ):
            with attempt:
                return await do_next(engine, schema, line.redo)
    except RetryError as error:
        raise DependencyError(f"PostgreSQL cannot be used ({error}). Does it run?") from error
    return False


async def _closed(stop: asyncio.Event) -> None:
    """Sets `stop` when standard input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()
    stop.set()


def _plan_by_index(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for setting in BY_INDEX:
        cursor.execute(f"SET {setting} = off")
    cursor.close()
    connection.commit()


async def _main(schema: str) -> None:
    engine = new_engine(load(DatabaseSettings), "rebuild", command_timeout_s=None)
    event.listen(engine.sync_engine, "connect", _plan_by_index)
    stop = asyncio.Event()
    watch = asyncio.create_task(_closed(stop))
    try:
        await drain(engine, schema, stop)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await dispose(engine)


def main() -> int:
    """Runs the process; gives its exit code."""
    import uvloop  # noqa: PLC0415

    stamina.instrumentation.set_on_retry_hooks([])
    spare_the_collector()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_main(sys.argv[1]))
    except DependencyError as error:
        print(error, file=sys.stderr)
        return EXIT_UNREACHABLE
    except HooklineError as error:
        print(error, file=sys.stderr)
        return EXIT_NO
    except KeyboardInterrupt:
        return EXIT_NO
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
