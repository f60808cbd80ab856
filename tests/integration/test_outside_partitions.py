"""Deliveries whose month has no partition."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from runtime.worker import Record
from schemas.dead_letters import Source
from schemas.deliveries import Delivery, body_key, delivery_headers
from workers.archive.handler import ArchiveHandler


def _record(number: int, received_at: datetime) -> Record:
    body = b'{"object": "instagram", "entry": []}'
    delivery = Delivery(
        f"01920000-0000-7000-8000-{number:012d}", received_at, "1", "sha256=", "webhook", body
    )
    return Record(
        Source("instagram.raw.other", 0, number),
        body_key(body),
        body,
        tuple(delivery_headers(delivery)),
    )


async def test_a_row_ahead_of_all_partitions_rejects_nothing(engine: AsyncEngine) -> None:
    """A partition that cannot be made, because the default one has its rows, stops no delivery."""
    now = datetime.now(UTC)
    async with transaction(engine) as connection:
        # As after months without a new partition: the month ahead stands in the default one.
        ahead = now + timedelta(days=40)
        await connection.execute(text(f"DROP TABLE hookline.deliveries_{ahead:%Y_%m}"))
    records = [_record(1, ahead), _record(2, now)]
    await ArchiveHandler(engine).handle(records)
    restarted = ArchiveHandler(engine)
    outcome = await restarted.handle([*records, _record(3, now)])
    assert outcome.dead == []
    async with transaction(engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM hookline.deliveries")) == 3
