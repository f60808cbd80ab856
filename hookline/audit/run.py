"""An audit from beginning to end: one snapshot of PostgreSQL, then, when asked, Kafka."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.audit.faults import Fault, find_faults
from hookline.audit.ledger import Entry, read_ledger
from hookline.audit.positions import name_positions
from hookline.audit.raw_records import Advance, compare_raw_records
from hookline.audit.scope import Scope
from runtime.database import transaction
from schemas.settings import KafkaSettings

WAIT_INTERVAL_S: Final = 1.0

_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_IN_FLIGHT: Final = """
SELECT coalesce(sum(changes), 0) FROM analytics.outcomes
WHERE outcome = 'in_flight' AND received_at >= :since AND received_at < :until
    AND field = ANY(:fields)
"""


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found. `raw_records` is how many were compared; None when not asked for."""

    scope: Scope
    entries: Sequence[Entry]
    faults: Sequence[Fault]
    raw_records: int | None = None

    @property
    def adds_up(self) -> bool:
        """Whether everything received has ended once, or is on its way in good time."""
        return not self.faults and all(entry.adds_up for entry in self.entries)


async def audit(engine: AsyncEngine, scope: Scope, examples: int, *, bodies: bool = False) -> Audit:
    """The audit of what PostgreSQL holds, as of one moment, whatever goes on meanwhile.

    With `bodies` every archived body is read, and compared with the sha256 of its receipt.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        await connection.execute(text(_SNAPSHOT))
        entries = await read_ledger(connection, scope)
        faults = await find_faults(connection, scope, examples, bodies=bodies)
        return Audit(scope, entries, await name_positions(connection, faults, examples))


async def with_raw_records(
    found: Audit, engine: AsyncEngine, settings: KafkaSettings, examples: int, advance: Advance
) -> Audit:
    """The audit, and Kafka's raw records against the archive.

    Raises:
        DependencyError: Kafka cannot be reached.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    compared = await compare_raw_records(engine, settings, found.scope, examples, advance)
    faults = [*found.faults, compared.fault] if compared.fault else found.faults
    return Audit(found.scope, found.entries, faults, compared.read)


async def settled(engine: AsyncEngine, scope: Scope, wait_s: float) -> bool:
    """Waits until nothing is in flight, for so long at most; tells whether it came to that.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    deadline = time.monotonic() + wait_s
    while True:
        async with transaction(engine) as connection:
            waiting = await connection.scalar(text(_IN_FLIGHT), scope.parameters())
        if not waiting or time.monotonic() >= deadline:
            return not waiting
        await asyncio.sleep(min(WAIT_INTERVAL_S, max(deadline - time.monotonic(), 0)))
