"""Persist's effect: events, and what the Graph API told about them, into their tables.

One transaction a batch.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime import metrics
from runtime.database import transaction
from runtime.worker import Outcome, Record, dead_letter
from schemas.enriched import Enriched, decode_enriched
from schemas.events import Event, MalformedEventError, decode_event
from schemas.topics import ENRICHED_TOPICS, EVENTS_TOPICS
from workers.persist.enriched import merge_reads
from workers.persist.fold import Content
from workers.persist.graph import ToldRead
from workers.persist.merge import RowKey, merge
from workers.persist.rows import rows_of
from workers.persist.targets import (
    AD_SIGHTINGS,
    COMMENTS,
    MENTIONS,
    OTHER_EVENTS,
    STORY_INSIGHTS,
    Target,
)

# Every replica writes the tables in this order, so that none waits for another in a circle.
TARGETS: Final = (COMMENTS, AD_SIGHTINGS, MENTIONS, STORY_INSIGHTS, OTHER_EVENTS)

Told = defaultdict[Target, defaultdict[RowKey, list[Content]]]


class PersistHandler:
    """Stores events."""

    name = "persist"
    topics = (*EVENTS_TOPICS, *ENRICHED_TOPICS)
    publishes_to = ()
    gathers_s = 0.0

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """Stores these events and reads in one transaction."""
        outcome = Outcome()
        events: list[Event] = []
        enriched: list[Enriched] = []
        for record in records:
            value = record.value or b""
            try:
                if record.source.topic in ENRICHED_TOPICS:
                    enriched.append(decode_enriched(value))
                else:
                    events.append(decode_event(value))
            except MalformedEventError as error:
                outcome.dead.append(dead_letter(self.name, record, "malformed_event", str(error)))
        await self._store(events, enriched)
        self._count(events)
        return outcome

    async def _store(self, events: Sequence[Event], enriched: Sequence[Enriched]) -> None:
        # A read may come before the event that asked for it: it brings the event along.
        told = told_by([*events, *(one.event for one in enriched)])
        if not told:
            return
        async with transaction(self._engine) as connection:
            for target in TARGETS:
                if target in told:
                    await merge(connection, target, told[target])
            await merge_reads(
                connection, [ToldRead(one.event.event_id, one.read) for one in enriched]
            )

    def _count(self, events: Sequence[Event]) -> None:
        now = datetime.now(UTC)
        received: defaultdict[str, list[datetime]] = defaultdict(list)
        for event in events:
            received[event.field].append(event.received_at)
        for field, times in received.items():
            metrics.CHANGES.labels(self.name, field, "stored").inc(len(times))
            age_seconds = metrics.EVENT_AGE_SECONDS.labels(self.name, field)
            for time in times:
                age_seconds.observe((now - time).total_seconds())


def told_by(events: Sequence[Event]) -> Told:
    """What events tell about rows, by table and row."""
    told: Told = defaultdict(lambda: defaultdict(list))
    for event in events:
        for row in rows_of(event):
            told[row.target][row.key].append(row.content)
    return told
