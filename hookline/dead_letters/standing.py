"""How the letters that an operation sent again stand, now and after a while."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.dead_letters.selection import letters_where
from hookline.dead_letters.settlement import settle
from runtime.database import transaction
from schemas.dead_letters import State
from schemas.tables import dead_letters

WAIT_INTERVAL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Standing:
    """How the letters of a redrive stand."""

    resolved: int
    failed_again: int
    in_flight: int

    def counts(self) -> dict[str, int]:
        """All numbers under plain names."""
        return {
            "resolved": self.resolved,
            "failed_again": self.failed_again,
            "in_flight": self.in_flight,
        }


async def standing(engine: AsyncEngine, operation_id: str) -> Standing:
    """How the letters that an operation sent again stand now."""
    ours = letters_where(dead_letters.c.operation_id == operation_id).subquery()
    async with transaction(engine) as connection:
        rows = await connection.execute(select(ours.c.state, ours.c.failed_again))
        found = [(state, failed_again) for state, failed_again in rows]
    redriven = Counter(failed_again for state, failed_again in found if state == State.REDRIVEN)
    resolved = sum(state == State.RESOLVED for state, _ in found)
    return Standing(resolved, redriven[True], redriven[False])


async def settled(engine: AsyncEngine, operation_id: str, wait_s: float) -> Standing:
    """How they stand once nothing is in flight any more, or after so many seconds."""
    deadline_s = time.monotonic() + wait_s
    while True:
        await settle(engine)
        now = await standing(engine, operation_id)
        left_s = deadline_s - time.monotonic()
        if not now.in_flight or left_s <= 0:
            return now
        await asyncio.sleep(min(WAIT_INTERVAL_S, left_s))
