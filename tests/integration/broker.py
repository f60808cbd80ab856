"""The real Kafka as tests look at it. Owns offsets, reading back, topics and pauses."""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from hookline.embedded.stack import EmbeddedStack
from runtime.worker import Record
from schemas.dead_letters import Source

WAIT_S: Final = 30.0
"""Long enough for a busy machine: what is tested is that a thing happens, not how fast."""

Offsets = dict[TopicPartition, int]


class Broker:
    """The session's Kafka."""

    def __init__(self, stack: EmbeddedStack, observer: AIOKafkaConsumer) -> None:
        self._stack = stack
        self._observer = observer
        self.bootstrap = stack.kafka_bootstrap

    async def ends(self, topics: Iterable[str]) -> Offsets:
        """The offset that the next record of each partition will get."""
        cluster = await self._observer._client.fetch_all_metadata()
        ends: Offsets = await self._observer.end_offsets(
            [
                TopicPartition(topic, partition)
                for topic in topics
                for partition in sorted(cluster.partitions_for_topic(topic))
            ]
        )
        return ends

    async def new_records(self, since: Offsets) -> list[Record]:
        """What was written after these offsets, by topic, partition and offset."""
        ends = await self.ends({partition.topic for partition in since})
        grew = [partition for partition in since if ends[partition] > since[partition]]
        if not grew:
            # An assignment that is taken back before the consumer's fetcher has seen it ends the
            # fetcher, and with it every later look.
            return []
        self._observer.assign(grew)
        for partition in grew:
            self._observer.seek(partition, since[partition])
        missing = sum(ends[partition] - since[partition] for partition in grew)
        found: list[Record] = []
        async with asyncio.timeout(WAIT_S):
            while len(found) < missing:
                fetched = await self._observer.getmany(timeout_ms=200)
                found += [record_of(one) for some in fetched.values() for one in some]
        self._observer.unsubscribe()
        return sorted(found, key=lambda record: record.source)

    async def topic(self, partitions: int = 1, **config: str) -> str:
        """A new topic of the test's own."""
        name = f"test.{uuid.uuid4().hex[:12]}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        new = NewTopic(name, partitions, 1, topic_configs=settings)
        await until(lambda: self._has_made(new))
        return name

    async def committed(self, group: str) -> Offsets:
        """What a consumer group has committed."""
        try:
            async with self._admin() as admin:
                offsets = await admin.list_consumer_group_offsets(group)
        except KafkaError:
            return {}  # a Kafka that has just begun, or come back: it tells nothing yet
        return {partition: told.offset for partition, told in offsets.items() if told.offset >= 0}

    def batches(self, topic: str, partition: int = 0) -> int:
        """How many record batches Kafka's log of a partition holds.

        Source: https://kafka.apache.org/documentation/#recordbatch
        """
        folder: Path = self._stack._folder
        (segment,) = folder.rglob(f"{topic}-{partition}/00000000000000000000.log")
        log, place, count = segment.read_bytes(), 0, 0
        while (length := int.from_bytes(log[place + 8 : place + 12])) > 0:
            place += 12 + length
            count += 1
        return count

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Kafka stands still: connections stay open and nothing is answered."""
        pid = self._stack.pids["kafka"]
        os.kill(pid, signal.SIGSTOP)
        try:
            end_s = time.monotonic() + WAIT_S
            while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
                assert time.monotonic() < end_s, "Kafka does not stand still"
                time.sleep(0.001)  # until one of its threads has its turn, the others go on
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    async def _has_made(self, topic: NewTopic) -> bool:
        """A Kafka that has stood still is out of its cluster for a moment, and makes nothing."""
        try:
            async with self._admin() as admin:
                await admin.create_topics([topic])
            return topic.name in await self._observer.topics()
        except (KafkaError, AttributeError):  # the latter is aiokafka's "no controller"
            return False

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


@asynccontextmanager
async def looking_at(stack: EmbeddedStack) -> AsyncIterator[Broker]:
    """A look at a running Kafka."""
    observer = AIOKafkaConsumer(
        bootstrap_servers=stack.kafka_bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    await observer.start()
    try:
        yield Broker(stack, observer)
    finally:
        await observer.stop()


def record_of(message: Any) -> Record:
    """A consumed message as workers see it."""
    source = Source(message.topic, message.partition, message.offset)
    return Record(source, message.key, message.value, tuple(message.headers))


def grown(before: Mapping[TopicPartition, int], after: Mapping[TopicPartition, int]) -> int:
    """How many records came between two looks at the ends."""
    return sum(after.values()) - sum(before.values())


async def until(check: Any, wait_s: float = WAIT_S) -> None:
    """Returns when `check` comes true, which may be a coroutine function; else fails."""
    deadline = time.monotonic() + wait_s
    while True:
        answer = check()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return
        assert time.monotonic() < deadline, f"not within {wait_s:g} s"
        await asyncio.sleep(0.05)
