"""The operator's own verbs, on a line: `accounts connect`, `audit`, `rebuild --verify`."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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
    return [(await do(data, *verb))[0] for verb in VERBS]


async def connect(data: Path, token: str) -> Answer:
    """What it says to a user's token."""
    verb = ("accounts", "connect", "--token-file", "-")
    return (await do(data, *verb, given=token.encode()))[0]


async def do(data: Path, *arguments: str, given: bytes | None = None) -> tuple[Answer, Any]:
    """What a verb says, and its document; none when it has not come to its end."""
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
        return _answer(arguments, -1, f"no answer in {TIMEOUT_S:.0f} s"), None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    code = process.returncode or 0
    if code == 0:
        return _answer(arguments, 0, ""), json.loads(output)
    lines = (output + told).decode("utf-8", "replace").splitlines()[-TOLD_LINES:]
    return _answer(arguments, code, "\n".join(lines)), None


def _answer(arguments: Sequence[str], code: int, told: str) -> Answer:
    return Answer(" ".join(("hookline", *arguments)), code, told)
