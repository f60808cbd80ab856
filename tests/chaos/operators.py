"""The operator's own verbs, on a line: `accounts connect`, `audit`, `rebuild --verify`."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERBS: Final = (("audit",), ("rebuild", "--verify"))
TIMEOUT_S: Final = 600.0
TOLD_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb said: its command line, its exit code and the end of what it told."""

    command: str
    code: int
    told: str

    @property
    def holds(self) -> bool:
        """Whether it found nothing wrong."""
        return self.code == 0


async def ask(data: Path) -> list[Answer]:
    """What each of the verbs says of the line on this data folder."""
    return [await _run(data, *verb) for verb in VERBS]


async def connect(data: Path, token: str) -> Answer:
    """What it says to a user's token."""
    verb = ("accounts", "connect", "--token-file", "-")
    return await _run(data, *verb, given=token.encode())


async def _run(data: Path, *arguments: str, given: bytes | None = None) -> Answer:
    command = ["-m", "hookline", *arguments, "--json", "--data", str(data)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", *command),
        stdin=DEVNULL if given is None else PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output, told = await process.communicate(given)
    except TimeoutError:
        return Answer(" ".join(("hookline", *arguments)), -1, f"no answer in {TIMEOUT_S:.0f} s")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    code = process.returncode or 0
    lines = (output + told).decode("utf-8", "replace").splitlines()[-TOLD_LINES:]
    return Answer(" ".join(("hookline", *arguments)), code, "\n".join(lines) if code else "")
