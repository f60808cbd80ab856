"""The stage enrich once more: answers that are recorded are published, or asked for again.

Neither calls the Graph API: what is to be asked for waits in the queue of the live worker, which
keeps to its budget, and does everything else before.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from runtime.worker import Outcome, Record, dead_letter
from schemas.enriched import Read
from schemas.events import REPLAY, Event, MalformedEventError, brought_by, decode_event
from schemas.tables import SCHEMA, graph_reads
from workers.enrich.handler import new_tasks
from workers.enrich.published import enriched_record
from workers.enrich.queue import Queue, Recorded
from workers.enrich.task import NewTask
from workers.enrich.wanted import BACKFILL_PRIORITY
from workers.persist.graph import ToldRead

STAGE: Final = "enrich"

_COLUMNS: Final = tuple(graph_reads.columns)

# In a dry run the live answers are looked at all the same: they are only read.
_READS: Final = text(
    f"SELECT {', '.join(column.name for column in _COLUMNS)} "  # noqa: S608 - names of ours
    f"FROM {SCHEMA}.{graph_reads.name} WHERE event_id = ANY(:ids)"
).columns(*_COLUMNS)


class RecordedAnswers:
    """Publishes what was answered about events: of each object the answer that decides its row."""

    name = STAGE

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """The answers about these events, once for each event."""
        outcome = Outcome()
        events: dict[str, tuple[Event, str]] = {}
        for event, json in _decoded(records, outcome):
            events.setdefault(event.event_id, (event, json))
        for event_id, read in await recorded_answers(self._engine, list(events)):
            event, json = events[event_id]
            recorded = Recorded(json, event_id, event.field, read)
            outcome.results.append(enriched_record(recorded))
        return outcome


class AskedAgain:
    """Puts down the reads of events, though they are answered; each once since `began`."""

    name = STAGE

    def __init__(self, engine: AsyncEngine, began: datetime) -> None:
        self._queue = Queue(engine)
        self._began = began

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """The tasks of these events, after all others."""
        outcome = Outcome()
        now = datetime.now(UTC)
        tasks: list[NewTask] = []
        for event, json in _decoded(records, outcome):
            tasks += [
                task._replace(priority=BACKFILL_PRIORITY, known_since=self._began)
                for task in new_tasks(event, json, now, self._began)
            ]
        await self._queue.put(tasks)
        return outcome


async def recorded_answers(engine: AsyncEngine, event_ids: Sequence[str]) -> list[ToldRead]:
    """Of what was answered about these events, what decides a row each.

    Raises:
        RetryError: PostgreSQL is away.
    """
    async with transaction(engine) as connection:
        rows = await connection.execute(_READS, {"ids": event_ids})
        told = [
            ToldRead(row["event_id"], Read.model_validate(dict(row))) for row in rows.mappings()
        ]
    return deciding(told)


def deciding(reads: Iterable[tuple[str, Read]]) -> list[ToldRead]:
    """Of each event's object the read of the greatest rank, in one order. Pure."""
    found: dict[tuple[str, ...], Read] = {}
    for event_id, read in reads:
        key = (event_id, read.account_id, read.endpoint, read.object_id)
        found[key] = max(found.get(key, read), read, key=lambda one: one.rank)
    return [ToldRead(key[0], found[key]) for key in sorted(found)]


def _decoded(records: Iterable[Record], outcome: Outcome) -> Iterable[tuple[Event, str]]:
    """Events with their JSON, which says that a replay brings them; what is none becomes a dead
    letter.
    """
    for record in records:
        value = record.value or b""
        try:
            yield decode_event(value), brought_by(REPLAY, value).decode()
        except MalformedEventError as error:
            outcome.dead.append(dead_letter(STAGE, record, "malformed_event", str(error)))
