"""A verb of `hookline` as its user runs it: a process, and what came out of it."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.broker import WAIT_S


@dataclass(frozen=True)
class Ran:
    """How a verb ended, and all that it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


async def verb(*arguments: str, stdin: str = "", **settings: str) -> Ran:
    """Runs `hookline …` with these settings and no others."""
    process = await _started(*arguments, stdin=asyncio.subprocess.PIPE, settings=settings)
    async with asyncio.timeout(WAIT_S):
        out, err = await process.communicate(stdin.encode())
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def asked(prompt: str, answer: str, *arguments: str, **settings: str) -> tuple[Ran, str]:
    """Runs it on a terminal, where it asks and is answered; gives what the terminal showed too."""
    terminal, end = pty.openpty()
    process = await _started(*arguments, stdin=end, settings=settings)
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(WAIT_S):
        err = await process.stderr.readuntil(prompt.encode())
        os.write(terminal, f"{answer}\n".encode())
        out, rest = await asyncio.gather(process.stdout.read(), process.stderr.read())
        code = await process.wait()
    os.write(end, b".")  # so that there is something to be read
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    os.close(end)
    return Ran(code, out.decode(), (err + rest).decode()), shown


async def _started(
    *arguments: str, stdin: int, settings: Mapping[str, str]
) -> asyncio.subprocess.Process:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLINE_")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hookline", *arguments),
        env={**clean, **{f"HOOKLINE_{name}": value for name, value in settings.items()}},
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # else a password is asked for on the terminal of the tests
    )
