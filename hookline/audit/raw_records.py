"""Kafka's raw topics against the archive: what Kafka acknowledged and nobody stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.audit.faults import UNARCHIVED, Fault
from hookline.audit.scope import Scope
from hookline.trace.reader import open_reader
from runtime.database import BulkStatement, transaction
from schemas.deliveries import MalformedDeliveryError, read_delivery
from schemas.settings import KafkaSettings
from schemas.topics import raw_topic

BATCH: Final = 5_000

Advance = Callable[[int, int], None]
"""Told how many records are read, and of how many."""


class RawRecord(NamedTuple):
    """A record of a raw topic; without a delivery if ingest did not write it."""

    topic: str
    partition: int
    position: int
    delivery_id: str | None
    received_at: datetime


# A record that the archive refused is its dead letter: known, and not lost.
_UNARCHIVED: Final = BulkStatement(
    {
        "topic": "text",
        "partition": "bigint",
        "position": "bigint",
        "delivery_id": "uuid",
        "received_at": "timestamptz",
    },
    """
    SELECT rows.topic, rows.partition, rows.position, rows.delivery_id::text, rows.received_at
    FROM {rows}
    WHERE NOT EXISTS (
            SELECT 1 FROM {schema}.deliveries
            WHERE deliveries.received_at = rows.received_at
                AND deliveries.delivery_id = rows.delivery_id)
        AND NOT EXISTS (
            SELECT 1 FROM {schema}.dead_letters AS letters
            WHERE letters.stage = 'archive' AND letters.source_topic = rows.topic
                AND letters.source_partition = rows.partition
                AND letters.source_offset = rows.position)
    ORDER BY rows.received_at, rows.topic, rows.partition, rows.position
    """,
)


@dataclass(frozen=True, slots=True)
class Compared:
    """How many raw records were compared, and those that are not archived, if any."""

    read: int
    fault: Fault | None


async def compare_raw_records(
    engine: AsyncEngine,
    settings: KafkaSettings,
    scope: Scope,
    examples: int,
    advance: Advance = lambda _read, _of: None,
) -> Compared:
    """Looks up every raw record that Kafka still holds and that has had its time.

    Raises:
        DependencyError: Kafka cannot be reached.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    missing: list[Mapping[str, Any]] = []
    batch: list[RawRecord] = []
    read = count = 0
    async with open_reader(settings) as reader:
        counts = await reader.partition_counts([raw_topic(field) for field in scope.fields])
        partitions = [
            TopicPartition(topic, number) for topic in counts for number in range(counts[topic])
        ]
        spans = await reader.spans(dict.fromkeys(partitions, scope.since))
        expected = sum(span.end - span.start for span in spans.values())
        async for partition, message in reader.read(spans):
            read += 1
            record = raw_record(partition, message)
            if scope.holds(record.received_at) and record.received_at < scope.overdue_before:
                batch.append(record)
            if len(batch) >= BATCH:
                count += await _look_up(engine, batch, missing, examples)
                advance(read, expected)
    count += await _look_up(engine, batch, missing, examples)
    advance(read, expected)
    return Compared(read, Fault(UNARCHIVED, count, missing) if count else None)


def raw_record(partition: TopicPartition, message: Any) -> RawRecord:
    """What a consumed message says of itself; its own time if it is no delivery. Pure."""
    place = (partition.topic, partition.partition, message.offset)
    try:
        delivery = read_delivery(message.headers, message.value)
    except MalformedDeliveryError:
        sent_at = datetime.fromtimestamp(message.timestamp / 1000, UTC)
        return RawRecord(*place, None, sent_at)
    return RawRecord(*place, delivery.delivery_id, delivery.received_at)


async def _look_up(
    engine: AsyncEngine, batch: list[RawRecord], missing: list[Mapping[str, Any]], examples: int
) -> int:
    """Adds those that are not archived, up to a number; gives how many there are."""
    if not batch:
        return 0
    async with transaction(engine) as connection:
        rows: Sequence[Any] = await _UNARCHIVED.fetch(connection, batch)
    batch.clear()
    for topic, partition, offset, delivery_id, received_at in rows[: examples - len(missing)]:
        missing.append(
            {
                "delivery_id": delivery_id,
                "received_at": received_at,
                "topic": topic,
                "partition": partition,
                "offset": offset,
            }
        )
    return len(rows)
