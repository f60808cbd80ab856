"""An outage is not bad data: Kafka or PostgreSQL refuse, break off, fall silent, are slow or stand
still, and a worker waits, says so, loses nothing and goes on by itself.

How long it takes to go on is told with each test (`--junit-xml`, `recovery_s`), and not asserted.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psutil
import pytest
from aiohttp import ClientConnectionError, ClientSession
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.embedded.stack import EmbeddedStack
from runtime.database import BulkStatement, transaction
from runtime.publisher import OutRecord, Publisher
from runtime.worker import Handler, Outcome, Record
from runtime.worker_service import serve_worker
from schemas.settings import WorkerSettings
from schemas.topics import DEAD_LETTERS
from tests.faults.proxy import Proxy, before_kafka
from tests.integration.broker import Broker, grown, until
from tests.integration.replica import Line, new_line
from tests.integration.service import free_port

FAULT_S = 4.0
RECOVERY_S = 60.0
FED_AT_ONCE = 20

_STORE = BulkStatement(
    {"value": "text"},
    "INSERT INTO effects SELECT value FROM {rows} ON CONFLICT (value) DO NOTHING",
)


@dataclass
class Outage:
    """A worker between two proxies, with records coming in all the time."""

    line: Line
    engine: AsyncEngine
    stack: EmbeddedStack
    kafka: Proxy
    postgres: Proxy
    port: int
    fed: list[str] = field(default_factory=list)
    feeding: asyncio.Event = field(default_factory=asyncio.Event)

    async def reasons(self) -> str:
        """Why the worker is not ready; empty when it is."""
        try:
            async with ClientSession() as client:
                answer = await client.get(f"http://127.0.0.1:{self.port}/readyz")
                return "" if answer.status == 200 else await answer.text()
        except ClientConnectionError:
            return "nobody listens"

    async def is_ready(self) -> bool:
        """Whether the worker says so."""
        return not await self.reasons()

    async def is_not_ready(self) -> bool:
        """Whether the worker says so."""
        return bool(await self.reasons())

    async def stored(self) -> set[str]:
        """The values in the table."""
        async with transaction(self.engine) as connection:
            return set((await connection.execute(text("SELECT value FROM effects"))).scalars())

    async def all_done(self) -> bool:
        """Whether everything fed until now is committed."""
        return await self.line.committed() >= len(self.fed)

    async def recovery_s(self) -> float:
        """How long it takes until the worker is ready and done with something that comes later."""
        started_s, count = time.monotonic(), len(self.fed) + FED_AT_ONCE + 1

        async def recovered() -> bool:
            return await self.line.committed() >= count and await self.is_ready()

        await until(recovered, RECOVERY_S)
        return time.monotonic() - started_s


@pytest.fixture
async def outage(
    broker: Broker, stack: EmbeddedStack, database_url: str, engine: AsyncEngine
) -> AsyncIterator[Outage]:
    """All is well at the beginning. At the end everything must be there, and no dead letter."""

    async def unused(_: Sequence[Record]) -> Outcome:
        raise NotImplementedError

    line = await new_line(broker, unused, partitions=3)
    async with transaction(engine) as connection:
        await connection.execute(text("CREATE TABLE effects (value text PRIMARY KEY)"))
    before, letters = await broker.ends([line.out]), await broker.ends([DEAD_LETTERS])
    async with (
        before_kafka(broker.bootstrap) as (kafka,),
        Proxy("127.0.0.1", engine.url.port or 0) as postgres,
    ):
        found = Outage(line, engine, stack, kafka, postgres, free_port())
        settings = WorkerSettings.model_validate(
            {
                "kafka_bootstrap": kafka.address,
                "database_url": postgres.before(database_url),
                "metrics_port": found.port,
                "worker_produce_timeout_s": 3.0,
                "worker_max_records": 40,
            }
        )
        direct = settings.model_copy(update={"kafka_bootstrap": broker.bootstrap})
        async with _serving(line, settings), _feeding(found, direct):
            await until(found.is_ready)
            await until(lambda: len(line.calls) > 5)
            yield found
            found.feeding.clear()
            await until(found.all_done, RECOVERY_S)
        assert await found.stored() == set(found.fed)
        published = {(record.value or b"").decode() for record in await broker.new_records(before)}
        assert published == set(found.fed)
        assert grown(letters, await broker.ends([DEAD_LETTERS])) == 0


@asynccontextmanager
async def _serving(line: Line, settings: WorkerSettings) -> AsyncIterator[None]:
    """The whole service, as `hookline worker` runs it."""

    def make_handler(engine: AsyncEngine) -> Handler:
        async def store(records: Sequence[Record]) -> Outcome:
            rows = [((record.value or b"").decode(),) for record in records]
            async with transaction(engine) as connection:
                await _STORE.execute(connection, rows)
            return line.echo(records)

        line.effect = store
        return line

    stop = asyncio.Event()
    serving = asyncio.create_task(serve_worker(line.name, make_handler, settings, stop))
    try:
        yield
        assert not serving.done(), "the worker ended by itself"
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await serving


@asynccontextmanager
async def _feeding(outage: Outage, settings: WorkerSettings) -> AsyncIterator[None]:
    """New records all the time, past the proxies."""

    async def feed(publisher: Publisher) -> None:
        while True:
            await outage.feeding.wait()
            values = [str(len(outage.fed) + number) for number in range(FED_AT_ONCE)]
            records = [OutRecord(outage.line.topic, v.encode(), v.encode(), []) for v in values]
            await asyncio.gather(*map(publisher.publish, records))
            outage.fed += values
            await asyncio.sleep(0.1)

    outage.feeding.set()
    async with Publisher(settings) as publisher:
        await publisher.learn([outage.line.topic])
        feeding = asyncio.create_task(feed(publisher))
        try:
            yield
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)


async def refuse(proxy: Proxy) -> None:
    """Nobody listens, for a time."""
    await proxy.refuse()
    await asyncio.sleep(FAULT_S)


async def cut(proxy: Proxy) -> None:
    """Connections break off, again and again, in the middle of answers."""
    for number in range(20):
        proxy.cut(after_bytes=number * 37)
        await asyncio.sleep(FAULT_S / 20)


async def stall(proxy: Proxy) -> None:
    """Nothing is answered, for a time."""
    proxy.stall()
    await asyncio.sleep(FAULT_S)


async def stall_long(proxy: Proxy) -> None:
    """Nothing is answered for longer than any deadline."""
    proxy.stall()
    await asyncio.sleep(15)


async def strand(proxy: Proxy) -> None:
    """What is open is never answered again; what is opened anew is."""
    proxy.strand()
    await asyncio.sleep(0)


async def slow(proxy: Proxy) -> None:
    """Everything is late."""
    proxy.slow(delay_s=0.3, bytes_per_s=200_000)
    await asyncio.sleep(FAULT_S)


Fault = Callable[[Proxy], Awaitable[None]]


@pytest.mark.parametrize("fault", [refuse, cut, stall, stall_long, strand, slow])
@pytest.mark.parametrize("dependency", ["kafka", "postgres"])
async def test_a_fault_of_the_network(
    outage: Outage,
    dependency: str,
    fault: Fault,
    record_property: Callable[[str, object], None],
) -> None:
    """Waited for and survived."""
    proxy: Proxy = getattr(outage, dependency)
    await fault(proxy)
    if fault in (refuse, stall, stall_long):
        await until(outage.is_not_ready)
    await proxy.heal()
    record_property("recovery_s", round(await outage.recovery_s(), 1))


@pytest.mark.parametrize("dependency", ["kafka", "postgres"])
async def test_a_server_that_stands_still(
    outage: Outage, dependency: str, record_property: Callable[[str, object], None]
) -> None:
    """As by SIGSTOP: connections stay, nothing is answered."""
    pid = outage.stack.pids[dependency]
    children = _children(pid) if dependency == "postgres" else []
    for one in (pid, *children):
        os.kill(one, signal.SIGSTOP)
    try:
        await until(outage.is_not_ready)
        await asyncio.sleep(FAULT_S)
    finally:
        for one in (*children, pid):
            os.kill(one, signal.SIGCONT)
    record_property("recovery_s", round(await outage.recovery_s(), 1))


def _children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
