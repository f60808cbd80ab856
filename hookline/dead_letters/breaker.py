"""Breakers that workers opened, and how they are closed: see `runtime.breaker`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from schemas.tables import breakers


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """A stage that consumes nothing until it is told to."""

    stage: str
    opened_at: datetime
    reason: str

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "stage": self.stage,
            "opened_at": self.opened_at.isoformat(),
            "reason": self.reason,
        }


async def open_breakers(engine: AsyncEngine) -> list[OpenBreaker]:
    """Those that are open, the oldest first."""
    query = (
        select(breakers.c.stage, breakers.c.opened_at, breakers.c.reason)
        .where(breakers.c.closed_at.is_(None))
        .order_by(breakers.c.opened_at)
    )
    async with transaction(engine) as connection:
        return [OpenBreaker(*row) for row in await connection.execute(query)]


async def close(engine: AsyncEngine, stage: str) -> bool:
    """Closes a stage's breaker; its workers go on within a second. False when it is not open."""
    statement = (
        update(breakers)
        .where(breakers.c.stage == stage, breakers.c.closed_at.is_(None))
        .values(closed_at=datetime.now(UTC))
    )
    async with transaction(engine) as connection:
        return (await connection.execute(statement)).rowcount > 0
