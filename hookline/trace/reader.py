"""Reading spans of Kafka's partitions, once, in no consumer group: nothing is left behind."""

import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from runtime.errors import DependencyError
from runtime.kafka import (
    FETCH_BYTES,
    PARTITION_FETCH_BYTES,
    client_options,
    start_client,
    stop_client,
)
from schemas.settings import KafkaSettings

FETCH_WAIT_MS: Final = 200
FETCH_RECORDS: Final = 1000
STALL_TIMEOUT_S: Final = 30.0


class Span(NamedTuple):
    """Offsets of a partition from `start` up to `end`; `first` is the oldest that is kept."""

    first: int
    start: int
    end: int

    @property
    def begins_late(self) -> bool:
        """Whether what stood before the start is deleted: more may have belonged to the span."""
        return self.first > 0 and self.start == self.first

    def at_most(self, records: int) -> "Span":
        """The span, cut to so many offsets."""
        return self._replace(end=min(self.end, self.start + records))


class Reader:
    """Reads records. Made by `open_reader`."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        self._consumer = consumer
        self._admin = admin
        self._left: set[TopicPartition] = set()

    async def partition_counts(self, topics: Collection[str]) -> dict[str, int]:
        """How many partitions topics have; those that there are not are missing."""
        found = await self._admin.describe_topics(list(topics)) if topics else []
        return {one["topic"]: len(one["partitions"]) for one in found if one["partitions"]}

    async def spans(
        self, since: Mapping[TopicPartition, datetime | None]
    ) -> dict[TopicPartition, Span]:
        """What partitions hold now, from a time on; from the beginning where it is None."""
        partitions = list(since)
        firsts = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        times = {p: _milliseconds(moment) for p, moment in since.items() if moment is not None}
        found = await self._consumer.offsets_for_times(times) if times else {}
        # Nothing is as young as the time asked for: there is nothing to read.
        starts = {p: ends[p] if told is None else told.offset for p, told in found.items()}
        return {p: Span(firsts[p], starts.get(p, firsts[p]), ends[p]) for p in partitions}

    async def read(
        self, spans: Mapping[TopicPartition, Span]
    ) -> AsyncIterator[tuple[TopicPartition, Any]]:
        """Every record of these spans, of each partition in its order.

        Raises:
            DependencyError: nothing has come for 30 s.
        """
        self._left = {p for p, span in spans.items() if span.start < span.end}
        self._consumer.assign(list(self._left))
        for partition in self._left:
            self._consumer.seek(partition, spans[partition].start)
        came_s = time.monotonic()
        while self._left:
            fetched = await self._fetch()
            for partition, messages in fetched.items():
                for message in messages:
                    if partition in self._left and message.offset < spans[partition].end:
                        yield partition, message
            for partition in list(self._left):
                if await self._consumer.position(partition) >= spans[partition].end:
                    self.skip_rest(partition)
            came_s = time.monotonic() if fetched else came_s
            if time.monotonic() - came_s > STALL_TIMEOUT_S:
                raise DependencyError("Kafka gives no more records. Does it run?")

    def skip_rest(self, partition: TopicPartition) -> None:
        """No more of this partition."""
        self._left.discard(partition)
        self._consumer.pause(partition)

    async def _fetch(self) -> dict[TopicPartition, list[Any]]:
        fetched: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
            timeout_ms=FETCH_WAIT_MS, max_records=FETCH_RECORDS
        )
        return fetched


@asynccontextmanager
async def open_reader(settings: KafkaSettings) -> AsyncIterator[Reader]:
    """A reader on this cluster.

    Raises:
        DependencyError: Kafka cannot be reached, or goes away meanwhile.
    """
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stop_client, consumer)
        await start_client(consumer, settings.kafka_bootstrap)
        admin = AIOKafkaAdminClient(**client_options(settings))
        stack.push_async_callback(admin.close)
        try:
            await admin.start()
            yield Reader(consumer, admin)
        except (KafkaError, OSError) as error:
            raise DependencyError(
                f"Kafka does not answer at {settings.kafka_bootstrap} "
                f"({type(error).__name__}). Does it run?"
            ) from error


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
