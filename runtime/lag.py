"""How far a worker is behind, and whether Kafka answers it at all.

Looks at regular intervals, so that a worker without any traffic notices too.
"""

import asyncio
import math
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from runtime import metrics
from runtime.errors import DependencyError, KafkaUnavailableError
from runtime.health import Readiness
from runtime.retry import Retry
from runtime.topics import retention_s
from schemas.settings import KafkaSettings

LOOK_INTERVAL_S: Final = 3.0
LOOK_TIMEOUT_S: Final = 4.0
"""Both together are the longest that an idle worker takes to notice that Kafka is away."""

POSITION_TIMEOUT_S: Final = 1.0

RETENTION_INTERVAL_S: Final = 600.0

log = structlog.get_logger()


def seconds_until_loss(waiting_since_s: Iterable[float], retention: float, now_s: float) -> float:
    """How long until Kafka's retention may reach the oldest record that waits; infinite when none
    does, negative when it may be gone already.

    A lower bound: Kafka deletes a whole segment, once its newest record is older than
    `retention.ms`. Limits by size (`retention.bytes`) are not looked at.
    Source: https://kafka.apache.org/documentation/#topicconfigs_retention.ms

    Args:
        waiting_since_s: for each partition, the Unix time of its first uncommitted record.
        retention: how long the topic keeps a record, in seconds; infinite when for ever.
        now_s: Unix time.
    """
    return min(waiting_since_s, default=math.inf) + retention - now_s


class Unread:
    """What of one partition is not committed: from which offset on, and since when.

    `read` and `committed` follow the loop. The time is that of the first record of the oldest
    fetch that is not committed as a whole; with nothing of that kind, of the last fetch before.
    So it is never later than the record's own, and earlier by what one fetch spans, until a
    `peeked` record makes it exact.
    """

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self._fetches: deque[tuple[int, float]] = deque()
        self._read_to = offset
        self._peeked_at: int | None = None
        self._looked_at: int | None = None

    @property
    def since_s(self) -> float | None:
        """Unix time; None while nothing of the partition has been read."""
        return self._fetches[0][1] if self._fetches else None

    def read(self, first: int, last: int, timestamp_s: float) -> None:
        """A fetch brought the records from `first`, which is of this time, to `last`."""
        self._fetches.append((first, timestamp_s))
        self._read_to = last + 1

    def committed(self, offset: int) -> None:
        """Everything before this offset is done."""
        self.offset = offset
        while len(self._fetches) > 1 and self._fetches[1][0] <= offset:
            self._fetches.popleft()

    def peeked(self, timestamp_s: float) -> None:
        """The first uncommitted record, which the loop has not read, is of this time."""
        self._fetches.clear()
        self._fetches.append((self.offset, timestamp_s))
        self._peeked_at = self.offset

    def stands_still(self) -> bool:
        """Whether it is time to peek: the first uncommitted record is neither read nor peeked,
        and was the first at the last look too, or nothing was ever read.
        """
        stood, self._looked_at = self._looked_at == self.offset, self.offset
        known = self._read_to > self.offset or self._peeked_at == self.offset
        return not known and (stood or not self._fetches)


class LagWatch:
    """Keeps the gauges of lag and the readiness of one replica up to date."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        group: str,
        topics: Sequence[str],
        settings: KafkaSettings,
        readiness: Readiness,
    ) -> None:
        self._consumer = consumer
        self._group = group
        self._topics = topics
        self._settings = settings
        self._retry = Retry(readiness, KafkaUnavailableError.reason, LOOK_INTERVAL_S)
        self._unread: dict[TopicPartition, Unread] = {}
        self._retention_s: Mapping[str, float] = {}
        self._retention_at_s = -math.inf

    def read(self, fetched: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """The loop has these messages, by partition, and will work on them."""
        for partition, messages in fetched.items():
            first = messages[0]
            unread = self._unread.setdefault(partition, Unread(first.offset))
            unread.read(first.offset, messages[-1].offset, first.timestamp / 1e3)

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Kafka has taken these offsets."""
        assigned = self._consumer.assignment()
        for partition, offset in offsets.items():
            self._unread.setdefault(partition, Unread(offset)).committed(offset)
            end = partition in assigned and self._consumer.highwater(partition)
            if end:
                self._tell_lag(partition, end - offset)

    def forget(self) -> None:
        """The partitions may be another replica's from now on, which tells of them."""
        for partition in self._unread:
            with suppress(KeyError):
                metrics.LAG_RECORDS.remove(partition.topic, str(partition.partition), self._group)
        self._unread.clear()
        for topic in self._topics:
            with suppress(KeyError):
                metrics.SECONDS_UNTIL_DATA_LOSS.remove(topic, self._group)

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await self._retry.until_done(self._look)
            await self._learn_retention()
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self._look_at_kafka()
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailableError(type(error).__name__) from error

    async def _look_at_kafka(self) -> None:
        assigned = self._consumer.assignment()
        if not assigned:
            await self._consumer.topics()  # a spare replica's sign that Kafka is there
            return
        ends = await self._consumer.end_offsets(list(assigned))
        await self._learn_positions(assigned)
        if self._consumer.assignment() != assigned:
            return
        known = assigned & set(self._unread)
        behind = {
            partition: self._unread[partition]
            for partition in known
            if ends[partition] > self._unread[partition].offset
        }
        for partition in known:
            self._tell_lag(partition, ends[partition] - self._unread[partition].offset)
        for partition, unread in behind.items():
            if unread.stands_still():
                await self._peek(partition, unread)
        self._tell_loss(assigned, behind)

    async def _learn_positions(self, assigned: Iterable[TopicPartition]) -> None:
        """Of partitions that nothing was read of. A new group has none before the loop begins to
        read, which its breaker may forbid.
        """
        with suppress(IllegalStateError, TimeoutError):  # a rebalance meanwhile
            async with asyncio.timeout(POSITION_TIMEOUT_S):
                for partition in assigned:
                    if partition not in self._unread:
                        position = await self._consumer.position(partition)
                        self._unread.setdefault(partition, Unread(position))

    async def _peek(self, partition: TopicPartition, unread: Unread) -> None:
        """Looks at the next record and puts it back: between the two nobody else runs.

        A place that Kafka does not have is left to the loop, which comes upon it as well.
        """
        try:
            fetched = await self._consumer.getmany(partition, timeout_ms=0, max_records=1)
        except (NoOffsetForPartitionError, OffsetOutOfRangeError):
            return
        for message in fetched.get(partition, ()):
            self._consumer.seek(partition, message.offset)
            unread.peeked(message.timestamp / 1e3)

    def _tell_loss(
        self, assigned: Iterable[TopicPartition], behind: Mapping[TopicPartition, Unread]
    ) -> None:
        retention, now_s = self._retention_s, time.time()
        waiting: defaultdict[str, list[float]] = defaultdict(list)
        for partition, unread in behind.items():
            if unread.since_s is not None:
                waiting[partition.topic].append(unread.since_s)
        for topic in {partition.topic for partition in assigned} & set(retention):
            left_s = seconds_until_loss(waiting[topic], retention[topic], now_s)
            metrics.SECONDS_UNTIL_DATA_LOSS.labels(topic, self._group).set(left_s)

    async def _learn_retention(self) -> None:
        """Now and then: it may change. What is not allowed to be known keeps nobody from work."""
        if time.monotonic() - self._retention_at_s < RETENTION_INTERVAL_S:
            return
        self._retention_at_s = time.monotonic()
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                self._retention_s = await retention_s(self._settings, self._topics)
        except (DependencyError, KafkaError, OSError, TimeoutError) as error:
            log.warning("retention_unknown", error=type(error).__name__)

    def _tell_lag(self, partition: TopicPartition, records: int) -> None:
        labels = (partition.topic, partition.partition, self._group)
        metrics.LAG_RECORDS.labels(*labels).set(max(0, records))
