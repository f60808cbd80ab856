"""The workers' own handlers without Kafka between them: what tests feed, they store.

Owns what the loop does around them: bad records isolated, dead letters archived.
"""

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.delivery_id import uuid7
from runtime.errors import RejectError
from runtime.publisher import OutRecord
from runtime.worker import Outcome, Record, dead_letter
from schemas.dead_letters import DeadLetter, Source, dead_letter_headers
from schemas.deliveries import Delivery, body_key, delivery_headers
from schemas.splitting import fields_in
from schemas.topics import DEAD_LETTERS, raw_topic
from simulator.signing import signature
from workers.archive.handler import ArchiveHandler
from workers.dedupe.handler import DedupeHandler
from workers.persist.handler import PersistHandler

SECRET: Final = b"first-secret"
APP_ID: Final = "1001"


def received(
    body: bytes, received_at: datetime | None = None, delivery_id: str | None = None
) -> Delivery:
    """A body as ingest takes it in: signed, with a time and an id."""
    moment = received_at or datetime.now(UTC)
    made = uuid7(int(moment.timestamp() * 1000), os.urandom(10))
    return Delivery(delivery_id or made, moment, APP_ID, signature(body, SECRET), "webhook", body)


def raw_records(deliveries: Iterable[Delivery]) -> list[Record]:
    """The raw records of deliveries: one for each field of each."""
    offsets = count()
    return [
        Record(
            Source(raw_topic(field), 0, next(offsets)),
            body_key(delivery.body),
            delivery.body,
            tuple(delivery_headers(delivery)),
        )
        for delivery in deliveries
        for field in fields_in(delivery.body)
    ]


def consumed(results: Iterable[OutRecord], start: int = 0) -> list[Record]:
    """What was published, as the next worker reads it."""
    return [
        Record(Source(out.topic, 0, offset), out.key, out.value, tuple(out.headers))
        for offset, out in enumerate(results, start)
    ]


def letter_records(letters: Iterable[DeadLetter]) -> list[Record]:
    """Dead letters, as the archive reads them."""
    now = datetime.now(UTC)
    return consumed(
        OutRecord(
            DEAD_LETTERS,
            letter.key,
            letter.value,
            dead_letter_headers(letter, version="test", failed_at=now),
        )
        for letter in letters
    )


class Handled:
    """A line of the three workers on one database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.archive = ArchiveHandler(engine)
        self.dedupe = DedupeHandler(engine)
        self.persist = PersistHandler(engine)

    async def store(self, deliveries: Iterable[Delivery]) -> list[OutRecord]:
        """Takes deliveries all the way; gives the events that were published."""
        records = raw_records(deliveries)
        archived = await isolated("archive", self.archive.handle, records)
        split = await isolated("dedupe", self.dedupe.handle, records)
        kept = await isolated("persist", self.persist.handle, consumed(split.results))
        letters = letter_records([*archived.dead, *split.dead, *kept.dead])
        if letters:
            await self.archive.handle(letters)
        return split.results


async def isolated(
    stage: str,
    handle: Callable[[Sequence[Record]], Awaitable[Outcome]],
    records: Sequence[Record],
) -> Outcome:
    """A batch's outcome; a record that is refused stands alone in it, as a dead letter."""
    if not records:
        return Outcome()
    try:
        return await handle(records)
    except RejectError as error:
        if len(records) == 1:
            return Outcome(dead=[dead_letter(stage, records[0], error.reason, error.detail)])
    middle = len(records) // 2
    first = await isolated(stage, handle, records[:middle])
    second = await isolated(stage, handle, records[middle:])
    return Outcome([*first.results, *second.results], [*first.dead, *second.dead])
