"""What the Graph API would have told about events: recorded, and merged, in any order."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.worker import Record
from schemas.dead_letters import Source
from schemas.enriched import Read, encode_enriched
from schemas.events import decode_event
from schemas.topics import enriched_topic
from workers.enrich.queue import Queue, Recorded
from workers.enrich.wanted import Wanted, wanted_by
from workers.persist.handler import PersistHandler


async def answer(engine: AsyncEngine, events: Sequence[Record], seed: int) -> list[Recorded]:
    """Every object that the events ask for is read: recorded, and merged in any order.

    Some are looked for twice, and some are told by no answer.
    """
    reads = reads_about(events, seed)
    await record(engine, reads)
    shuffled = [*reads, *reads[:50]]
    Random(seed).shuffle(shuffled)
    await merge(engine, shuffled)
    return reads


async def record(engine: AsyncEngine, reads: Sequence[Recorded]) -> None:
    """As the runner's first transaction does."""
    await Queue(engine).record(reads, [], [])


async def merge(engine: AsyncEngine, reads: Sequence[Recorded]) -> None:
    """As persist does with what was published of them."""
    records = [enriched(one) for one in reads]
    for at in range(0, len(records), 70):
        await PersistHandler(engine).handle(records[at : at + 70])


def enriched(one: Recorded) -> Record:
    """The record of a read, as persist reads it."""
    value = encode_enriched(one.event.encode(), one.read)
    return Record(Source(enriched_topic(one.field), 0, 0), one.event_id.encode(), value, ())


def read_of(event: Record, wanted: Wanted, read_at: datetime, **told: Any) -> Recorded:
    """A read about an event."""
    value = event.value or b""
    asked_by = decode_event(value)
    read = Read.model_validate(
        {
            "account_id": asked_by.account_id,
            **wanted._asdict(),
            "read_at": read_at,
            "http_status": 200,
            "api_version": "v25.0",
            **told,
        }
    )
    return Recorded(value.decode(), asked_by.event_id, asked_by.field, read)


def reads_about(events: Iterable[Record], seed: int) -> list[Recorded]:
    """A read of every object that the events ask for, and an earlier one of some."""
    return list(_reads(events, Random(seed)))


def _reads(events: Iterable[Record], chance: Random) -> Iterable[Recorded]:
    asked: dict[tuple[Any, ...], tuple[Record, Wanted]] = {}
    for event in events:
        found = decode_event(event.value or b"")
        for wanted in wanted_by(found):
            asked.setdefault((found.account_id, *wanted), (event, wanted))
    now = datetime.now(UTC)
    for number, (event, wanted) in enumerate(asked.values()):
        read_at = now - timedelta(seconds=1, microseconds=number)
        if number % 5 == 0:
            earlier = read_at - timedelta(minutes=5)
            yield read_of(event, wanted, earlier, status="pending", reason="ambiguous", code=100)
        if number % 7 == 0:
            yield read_of(event, wanted, read_at, status="unreadable", reason="deleted", code=24)
        else:
            told = _answer(wanted.object_id, chance)
            yield read_of(event, wanted, read_at, status="done", answer=told)


def _answer(object_id: str, chance: Random) -> dict[str, Any]:
    """Members of a comment, of a mention and of media at once."""
    media_type = chance.choice(("IMAGE", "CAROUSEL_ALBUM"))
    return {
        "id": object_id,
        "text": f"text of {object_id} \0",
        "caption": f"caption of {object_id}",
        "timestamp": "2026-11-20T10:00:00+0000",
        "username": "somebody",
        "like_count": chance.choice((0, 3, 2**70, None)),
        "hidden": chance.choice((True, False, "odd")),
        "media_type": media_type,
        "media": {"id": "18000000000000001", "media_type": media_type},
        "permalink": f"https://instagram.example/{object_id}",
    }
