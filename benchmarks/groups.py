"""What the workers' consumer groups have committed, and where their topics end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from runtime.worker import Handler
from schemas.topics import consumer_group
from workers.registry import WORKERS, handler_of

READS: Final = {name: cast("type[Handler]", handler_of(name)).topics for name in WORKERS}
"""What each worker reads. Its order is that of the line: dedupe feeds those behind it."""


class Groups:
    """The workers' groups on one Kafka."""

    def __init__(self, kafka_bootstrap: str, admin: AIOKafkaAdminClient) -> None:
        self._kafka_bootstrap = kafka_bootstrap
        self._admin = admin

    async def committed(self, worker: str) -> int:
        """The sum of the offsets that a worker's group has committed."""
        offsets = await self._admin.list_consumer_group_offsets(consumer_group(worker))
        return sum(max(0, one.offset) for one in offsets.values())

    async def lag(self, worker: str) -> int:
        """How many records a worker has not committed."""
        async with self._consumer(None) as consumer:
            ends = await consumer.end_offsets(await self._partitions(worker))
        last: int = sum(ends.values())
        return last - await self.committed(worker)

    async def skip_backlog(self, worker: str) -> None:
        """Lets a worker's group begin at the end of its topics. It must not run now."""
        async with self._consumer(consumer_group(worker)) as consumer:
            ends = await consumer.end_offsets(await self._partitions(worker))
            consumer.assign(list(ends))
            await consumer.commit(ends)

    @asynccontextmanager
    async def _consumer(self, group: str | None) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka_bootstrap, group_id=group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def _partitions(self, worker: str) -> list[TopicPartition]:
        topics = await self._admin.describe_topics(list(READS[worker]))
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in topics
            for partition in topic["partitions"]
        ]


@asynccontextmanager
async def open_groups(kafka_bootstrap: str) -> AsyncIterator[Groups]:
    """The groups of a Kafka that runs."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        yield Groups(kafka_bootstrap, admin)
    finally:
        await admin.close()
