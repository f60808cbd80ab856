"""The stage dedupe once more: its events say that a replay brings them."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.worker import Outcome, Record
from schemas.events import REPLAY, brought_by
from workers.dedupe.handler import DedupeHandler


class ReplayedChanges:
    """Does what dedupe does."""

    name = DedupeHandler.name

    def __init__(self, engine: AsyncEngine) -> None:
        self._dedupe = DedupeHandler(engine)

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """Claims and sights the changes of these records."""
        outcome = await self._dedupe.handle(records)
        outcome.results = [
            event._replace(value=brought_by(REPLAY, event.value or b""))
            for event in outcome.results
        ]
        return outcome
