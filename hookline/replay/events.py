"""The stage persist once more: events into their rows, with the recorded answers about them."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.replay.enrichment import recorded_answers
from runtime.database import transaction
from runtime.worker import Outcome, Record
from schemas.events import MalformedEventError, decode_event
from workers.persist.enriched import merge_reads
from workers.persist.handler import PersistHandler


class ReplayedEvents:
    """Does what persist does, and merges the answers that are recorded.

    Media are left as they are: their rows are no event's.
    """

    name = PersistHandler.name

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._persist = PersistHandler(engine)

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """Stores these events, and the answers about them."""
        outcome = await self._persist.handle(records)
        told = await recorded_answers(self._engine, sorted(set(_event_ids(records))))
        async with transaction(self._engine) as connection:
            await merge_reads(connection, [one for one in told if one.read.endpoint != "media"])
        return outcome


def _event_ids(records: Sequence[Record]) -> list[str]:
    """The ids of those that are events; the others became dead letters."""
    found = []
    for record in records:
        try:
            found.append(decode_event(record.value or b"").event_id)
        except MalformedEventError:
            continue
    return found
