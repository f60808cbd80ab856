"""How far the live workers are behind, so that a replay gives way to them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from hookline.replay.order import STAGES
from runtime.errors import DependencyError
from runtime.kafka import client_options, start_client, stop_client
from schemas.settings import KafkaSettings
from schemas.topics import consumer_group

LOOK_TIMEOUT_S: Final = 15.0


class Lag(NamedTuple):
    """How many records a worker has not committed."""

    records: int
    worker: str


class LiveLag:
    """Looks at the live groups. Made by `open_live_lag`."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        self._consumer = consumer
        self._admin = admin

    async def worst(self) -> Lag:
        """The worker that is furthest behind. One that never ran needs no way made for it.

        Raises:
            DependencyError: Kafka does not answer.
        """
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                return max([Lag(await self._behind(worker), worker) for worker in STAGES])
        except (KafkaError, OSError, TimeoutError) as error:
            raise DependencyError(f"Kafka does not answer ({type(error).__name__}).") from error

    async def _behind(self, worker: str) -> int:
        try:
            found = await self._admin.list_consumer_group_offsets(consumer_group(worker))
        except GroupCoordinatorNotAvailableError:
            return 0  # a Kafka in which nobody has committed anything yet
        committed = {place: told.offset for place, told in found.items() if told.offset >= 0}
        if not committed:
            return 0
        ends = await self._consumer.end_offsets(list(committed))
        return sum(max(0, ends[place] - offset) for place, offset in committed.items())


@asynccontextmanager
async def open_live_lag(settings: KafkaSettings) -> AsyncIterator[LiveLag]:
    """A look at the live groups of this cluster.

    Raises:
        DependencyError: Kafka cannot be reached.
    """
    consumer = AIOKafkaConsumer(**client_options(settings), enable_auto_commit=False)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stop_client, consumer)
        await start_client(consumer, settings.kafka_bootstrap)
        admin = AIOKafkaAdminClient(**client_options(settings))
        stack.push_async_callback(admin.close)
        try:
            await admin.start()
        except (KafkaError, OSError) as error:
            raise DependencyError(
                f"Kafka does not answer at {settings.kafka_bootstrap}. Does it run?"
            ) from error
        yield LiveLag(consumer, admin)
