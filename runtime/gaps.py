"""Where a group goes on when Kafka no longer has the place it left, and what it lost there.

Owns the table `gaps`. Consumers have no rule of their own for such offsets: nothing is skipped
without a row.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime import metrics
from runtime.commits import Offsets
from runtime.database import transaction
from runtime.errors import KafkaUnavailableError
from schemas.tables import gaps

ASK_TIMEOUT_S: Final = 5.0

UNKNOWN: Final = 0
"""Where a gap begins when nobody knows what of it was read."""

log = structlog.get_logger()


class Gaps:
    """Puts a consumer of one group where there is something to read."""

    def __init__(self, consumer: AIOKafkaConsumer, engine: AsyncEngine, group: str) -> None:
        self._consumer = consumer
        self._engine = engine
        self._group = group

    async def begin(self) -> dict[TopicPartition, int]:
        """Puts the partitions that the group has no place in to their beginning.

        The group is new, or Kafka has forgotten its offsets, as it does a week after the last
        member left (`offsets.retention.minutes`). So what is gone before the beginning may have
        been read, or not: it is told as a gap from 0 on.

        Returns:
            Their first offsets. Once committed, what is lost after them is known for a gap.

        Raises:
            KafkaUnavailableError: try again.
            DatabaseUnavailableError: try again.
        """
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                assigned = list(self._consumer.assignment())
                committed = await asyncio.gather(*map(self._consumer.committed, assigned))
                new = [one for one, at in zip(assigned, committed, strict=True) if at is None]
                starts: Offsets = await self._consumer.beginning_offsets(new)
        except IllegalStateError:
            return {}  # a rebalance: whoever has the partitions now comes here too
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailableError(type(error).__name__) from error
        await self._tell([(one, UNKNOWN, start) for one, start in starts.items() if start])
        return self._go_to(starts)

    async def bridge(self, positions: Offsets) -> dict[TopicPartition, int]:
        """Goes on at the first record that is left, having told the gap.

        That is also so when the offset lies beyond the end, as after a topic was made anew or has
        lost its end: all that it holds may be new, and repeating what is not does no harm. What
        was lost is unknown then, and the row goes on at an offset below the one it begins with.

        Args:
            positions: offsets that Kafka does not have.

        Returns:
            Where it goes on. A crash before that is committed tells the same gap again.

        Raises:
            KafkaUnavailableError: try again.
            DatabaseUnavailableError: try again.
        """
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                starts: Offsets = await self._consumer.beginning_offsets(list(positions))
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailableError(type(error).__name__) from error
        await self._tell([(one, positions[one], starts[one]) for one in positions])
        return self._go_to(starts)

    async def _tell(self, found: Sequence[tuple[TopicPartition, int, int]]) -> None:
        if not found:
            return
        now = datetime.now(UTC)
        async with transaction(self._engine) as connection:
            for partition, first, next_ in found:
                await connection.execute(_row(self._group, partition, first, next_, now))
        for partition, first, next_ in found:
            metrics.GAPS.labels(partition.topic, self._group).inc()
            log.error(
                "gap",
                group=self._group,
                topic=partition.topic,
                partition=partition.partition,
                first_offset=first,
                next_offset=next_,
                lost_records=next_ - first if UNKNOWN < first < next_ else "unknown",
                repair="`hookline replay --from archive`, where the archive has the deliveries",
            )

    def _go_to(self, offsets: Offsets) -> dict[TopicPartition, int]:
        gone: dict[TopicPartition, int] = {}
        for partition, offset in offsets.items():
            with suppress(IllegalStateError):  # no longer ours
                self._consumer.seek(partition, offset)
                gone[partition] = offset
        return gone


def _row(group: str, partition: TopicPartition, first: int, next_: int, now: datetime) -> Insert:
    row = insert(gaps).values(
        consumer_group=group,
        topic=partition.topic,
        partition=partition.partition,
        first_offset=first,
        next_offset=next_,
        detected_at=now,
    )
    return row.on_conflict_do_update(constraint=gaps.primary_key, set_={"next_offset": next_})
