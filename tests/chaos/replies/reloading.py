"""Other rules, for replicas that run: written, and awaited that all of them have taken them."""

import asyncio
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp

from schemas.metrics import REPLY_RULES_LOADED
from tests.chaos.line import Line
from tests.chaos.replies.kills import PROBE_TIMEOUT, REPLICAS
from tests.chaos.replies.outbox import NotSettledError

TAKEN_TIMEOUT_S: Final = 60.0
POLL_S: Final = 0.2

_LOADED: Final = re.compile(rf"^{REPLY_RULES_LOADED} ([0-9.e+]+)$", re.MULTILINE)


async def change_rules(line: Line, path: Path, told: str) -> None:
    """Replaces the file; returns when every replica goes by the new rules.

    Raises:
        NotSettledError: one of them does not.
    """
    since_s = time.time()
    await asyncio.to_thread(path.write_text, told, "utf-8")
    try:
        async with (
            asyncio.timeout(TAKEN_TIMEOUT_S),
            aiohttp.ClientSession(timeout=PROBE_TIMEOUT, trust_env=False) as session,
        ):
            for name in REPLICAS:
                while await _loaded_s(session, line.state.metrics_urls[name]) < since_s:
                    await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise NotSettledError("a replica does not take the new rules") from error


async def _loaded_s(session: aiohttp.ClientSession, url: str) -> float:
    """When a replica took its rules; 0 while it does not tell."""
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with session.get(url) as answer:
            found = _LOADED.search(await answer.text())
            return float(found[1]) if found else 0.0
    return 0.0
