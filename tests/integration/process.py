"""A service as a process of its own, as deployments run it."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integration.broker import WAIT_S


@asynccontextmanager
async def process(log: Path, *arguments: str, **settings: str) -> AsyncIterator[Process]:
    """`hookline …` with these settings; told to stop at the end. Its log is added to a file."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLINE_")}
    with log.open("ab") as output:
        started = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "hookline", *arguments),
            env={**clean, **{f"HOOKLINE_{name}": value for name, value in settings.items()}},
            stdout=output,
            stderr=output,
        )
        try:
            yield started
        finally:
            if started.returncode is None:
                started.terminate()
            async with asyncio.timeout(WAIT_S):
                await started.wait()
