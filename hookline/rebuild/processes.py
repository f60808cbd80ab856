"""The processes of a rebuild, side by side. Owns their start, their watch and their end."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from hookline.rebuild.scratch import RebuildError
from runtime.errors import DependencyError
from runtime.lifecycle import EXIT_UNREACHABLE

STOP_TIMEOUT_S: Final = 30.0
"""A batch in flight ends well within it, the largest body's too."""


@asynccontextmanager
async def _running(schema: str, number: int) -> AsyncIterator[list[Process]]:
    """So many processes; on leaving they are asked to stop, and made to if they do not."""
    argv = (sys.executable, "-m", "hookline.rebuild.process", schema)
    processes: list[Process] = []
    try:
        while len(processes) < number:
            one = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=DEVNULL)
            processes.append(one)
        yield processes
    finally:
        await asyncio.shield(asyncio.gather(*map(_stop, processes)))


async def _stop(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def run_processes(schema: str, number: int) -> None:
    """Returns when all batches are taken and done.

    Raises:
        DependencyError: PostgreSQL was away for too long.
        RebuildError: a process failed.
    """
    async with _running(schema, number) as processes:
        await _first_failure(processes)


async def _first_failure(processes: Sequence[Process]) -> None:
    for ended in asyncio.as_completed([process.wait() for process in processes]):
        code = await ended
        if code == EXIT_UNREACHABLE:
            raise DependencyError("PostgreSQL was away for too long. Run the same command again.")
        if code != 0:
            raise RebuildError(
                f"A process of the rebuild ended with code {code}. The live tables are as they "
                "were. The same command goes on where this one ended."
            )
