"""The line in memory: archived deliveries, and recorded Graph reads, with no Kafka between."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.batches import batches
from runtime.database import in_schema, transaction
from runtime.errors import RejectError
from runtime.publisher import OutRecord
from runtime.worker import Outcome, Record, dead_letter, size_bytes
from schemas.dead_letters import Source
from schemas.deliveries import Delivery, body_key, delivery_headers
from schemas.splitting import fields_in
from schemas.topics import raw_topic
from workers.dedupe.handler import DedupeHandler
from workers.persist.enriched import merge_reads
from workers.persist.graph import ToldRead
from workers.persist.handler import PersistHandler

EVENTS_MAX: Final = 2_000
EVENTS_MAX_BYTES: Final = 8 * 1024 * 1024
"""Of events in one transaction: a body of 1000 changes makes as many at once."""


class Handles(Protocol):
    """As much of a worker's handler as is needed here."""

    @property
    def name(self) -> str:
        """The stage."""
        ...

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """The effect of these records, in one transaction."""
        ...


class Line:
    """Dedupe and persist on the tables of one schema."""

    def __init__(self, engine: AsyncEngine, schema: str) -> None:
        self._there = there = in_schema(engine, schema)
        self._dedupe = DedupeHandler(there)
        self._persist = PersistHandler(there)

    async def redo(self, deliveries: Sequence[Delivery], reads: Sequence[ToldRead] = ()) -> int:
        """Stores what these deliveries and reads tell; gives how many records were rejected.

        Rejected ones make no dead letters: those that they made when they came are still there.
        """
        raw = [record for delivery in deliveries for record in raw_records(delivery)]
        seen = await settled(self._dedupe, raw)
        failed = len(seen.dead)
        for events in batches(
            event_records(seen.results), EVENTS_MAX, EVENTS_MAX_BYTES, size_bytes
        ):
            failed += len((await settled(self._persist, events)).dead)
        return failed + await self._merge(reads)

    async def _merge(self, reads: Sequence[ToldRead]) -> int:
        try:
            async with transaction(self._there) as connection:
                await merge_reads(connection, reads)
        except RejectError:
            if len(reads) == 1:
                return 1
            middle = len(reads) // 2
            return await self._merge(reads[:middle]) + await self._merge(reads[middle:])
        return 0


def raw_records(delivery: Delivery) -> list[Record]:
    """The records of a delivery as ingest published them: one in the topic of each field."""
    headers = tuple(delivery_headers(delivery))
    key = body_key(delivery.body)
    return [
        Record(Source(raw_topic(field), 0, 0), key, delivery.body, headers)
        for field in fields_in(delivery.body)
    ]


def event_records(results: Iterable[OutRecord]) -> Iterator[Record]:
    """What dedupe publishes, as persist reads it."""
    for result in results:
        yield Record(Source(result.topic, 0, 0), result.key, result.value, tuple(result.headers))


async def settled(handler: Handles, records: Sequence[Record]) -> Outcome:
    """The outcome of these records; one that spoils its batch is found by halving, as live.

    Raises:
        RetryError: a dependency is away; everything can be repeated.
    """
    if not records:
        return Outcome()
    try:
        return await handler.handle(records)
    except RejectError as error:
        if len(records) == 1:
            letter = dead_letter(handler.name, records[0], error.reason, error.detail)
            return Outcome(dead=[letter])
    middle = len(records) // 2
    halves = [await settled(handler, half) for half in (records[:middle], records[middle:])]
    return Outcome(
        [result for half in halves for result in half.results],
        [letter for half in halves for letter in half.dead],
    )
