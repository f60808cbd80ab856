"""Simulated traffic through the real handlers, without Kafka: in any order, in any batches."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.delivery_id import uuid7
from runtime.publisher import OutRecord
from runtime.worker import Record
from schemas.dead_letters import Source
from schemas.deliveries import Delivery, body_key, delivery_headers
from schemas.splitting import fields_in
from schemas.topics import raw_topic
from simulator.traffic import mixed
from workers.archive.handler import ArchiveHandler
from workers.dedupe.handler import DedupeHandler
from workers.persist.handler import PersistHandler


def traffic(seed: int, number: int, end: datetime) -> list[Delivery]:
    """So many deliveries as ingest would have received them, the last one just before `end`."""
    chance = Random(seed)
    received = [end - timedelta(milliseconds=10 * (number - n)) for n in range(number)]
    return [
        Delivery(
            str(UUID(uuid7(int(at.timestamp() * 1000), chance.randbytes(10)))),
            at,
            "1",
            "sha256=" + "0" * 64,
            "webhook",
            sent.body,
        )
        for at, sent in zip(received, mixed(seed, number), strict=True)
    ]


def raw(delivery: Delivery) -> list[Record]:
    """The records of a delivery in the raw topics."""
    return [
        Record(
            Source(raw_topic(field), 0, 0),
            body_key(delivery.body),
            delivery.body,
            tuple(delivery_headers(delivery)),
        )
        for field in fields_in(delivery.body)
    ]


def events(results: Sequence[OutRecord]) -> list[Record]:
    """What dedupe publishes, as persist reads it."""
    return [Record(Source(r.topic, 0, 0), r.key, r.value, tuple(r.headers)) for r in results]


def _cut(records: Sequence[Record], chance: Random) -> Iterator[Sequence[Record]]:
    start = 0
    while start < len(records):
        size = chance.randrange(1, 60)
        yield records[start : start + size]
        start += size


async def store(engine: AsyncEngine, deliveries: Sequence[Delivery], seed: int) -> list[Record]:
    """The deliveries through archive, dedupe and persist, shuffled anew before each of them.

    Gives the events.
    """
    chance = Random(seed)
    archive, dedupe, persist = ArchiveHandler(engine), DedupeHandler(engine), PersistHandler(engine)
    records = [record for delivery in deliveries for record in raw(delivery)]
    chance.shuffle(records)
    for batch in _cut(records, chance):
        await archive.handle(batch)
    chance.shuffle(records)
    passed: list[Record] = []
    for batch in _cut(records, chance):
        passed += events((await dedupe.handle(batch)).results)
    chance.shuffle(passed)
    for batch in _cut(passed, chance):
        await persist.handle(batch)
    return passed


def just_now() -> datetime:
    """A moment that is past."""
    return datetime.now(UTC) - timedelta(seconds=5)
