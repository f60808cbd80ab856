"""One replica of a worker with a handler of the test's own, on topics of its own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from runtime.breaker import Breaker
from runtime.database import dispose, new_engine
from runtime.health import Readiness
from runtime.kafka import new_consumer, start_client, stop_client
from runtime.loop import Loop
from runtime.publisher import OutRecord, Publisher
from runtime.worker import Handler, Outcome, Record
from schemas.settings import WorkerSettings
from schemas.topics import DEAD_LETTERS, consumer_group
from tests.integration.broker import WAIT_S, Broker

Effect = Callable[[Sequence[Record]], Awaitable[Outcome]]


@dataclass
class Line:
    """A topic in, a topic out, and the worker's handler between them."""

    broker: Broker
    topic: str
    out: str
    effect: Effect
    name: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:8]}")
    calls: list[list[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.topics: Sequence[str] = (self.topic,)
        self.publishes_to: Sequence[str] = (self.out,)
        self.gathers_s = 0.0

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """Remembers the batch; then the test's effect."""
        self.calls.append([record.value or b"" for record in records])
        return await self.effect(records)

    async def committed(self) -> int:
        """How many records the group has committed, over all partitions."""
        return sum((await self.broker.committed(consumer_group(self.name))).values())

    async def feed(self, settings: WorkerSettings, count: int, start: int = 0) -> list[bytes]:
        """Numbered records into the topic in; keyed by their value."""
        values = [b"%d" % number for number in range(start, start + count)]
        async with Publisher(settings) as publisher:
            await publisher.learn([self.topic])
            headers = [("delivery-id", b"an-id")]
            records = [OutRecord(self.topic, value, value, headers) for value in values]
            await asyncio.gather(*(publisher.publish(record) for record in records))
        return values

    def echo(self, records: Sequence[Record]) -> Outcome:
        """Every record, on to the topic out."""
        return Outcome([OutRecord(self.out, one.key, one.value, []) for one in records])


async def new_line(broker: Broker, effect: Effect, partitions: int = 1) -> Line:
    """A line of new topics."""
    return Line(broker, await broker.topic(partitions), await broker.topic(), effect)


@dataclass
class Replica:
    """A running loop."""

    running: asyncio.Task[None]
    stop: asyncio.Event
    readiness: Readiness

    async def ended(self) -> None:
        """Returns, or raises, when the loop has ended."""
        async with asyncio.timeout(WAIT_S):
            await asyncio.shield(self.running)


@asynccontextmanager
async def running(
    handler: Handler, settings: WorkerSettings, publisher: type[Publisher] = Publisher
) -> AsyncIterator[Replica]:
    """A replica that is told to stop at the end, and made to if it does not."""
    async with AsyncExitStack() as stack:
        out = await stack.enter_async_context(publisher(settings))
        await out.learn([*handler.publishes_to, DEAD_LETTERS])
        consumer = new_consumer(settings, consumer_group(handler.name))
        stack.push_async_callback(stop_client, consumer)
        await start_client(consumer, settings.kafka_bootstrap)
        readiness, stop = Readiness(), asyncio.Event()
        engine = new_engine(settings, handler.name)
        stack.push_async_callback(dispose, engine)
        breaker = Breaker(engine, handler.name, settings, readiness)
        loop = Loop(handler, consumer, out, settings, readiness, engine, breaker)
        replica = Replica(asyncio.create_task(loop.run(stop)), stop, readiness)
        try:
            yield replica
        finally:
            stop.set()
            await asyncio.wait((replica.running,), timeout=WAIT_S)
            replica.running.cancel()
            await asyncio.gather(replica.running, return_exceptions=True)
