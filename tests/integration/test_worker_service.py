"""The worker's process around its loop: a consumer that is of no use is replaced."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

import runtime.worker_service
from runtime.database import dispose, new_engine, transaction
from runtime.errors import RejectError
from runtime.kafka import new_consumer, start_client
from runtime.lifecycle import CLOSE_TIMEOUT_S
from runtime.worker import Outcome, Record
from runtime.worker_service import serve_worker
from schemas.settings import KafkaSettings, WorkerSettings
from tests.faults.proxy import Proxy, before_kafka
from tests.integration.broker import Broker, until
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.replica import Line, new_line

Break = Callable[[AIOKafkaConsumer], Awaitable[None]]


async def end_the_fetcher(consumer: AIOKafkaConsumer) -> None:
    """As after an error that aiokafka did not expect: it only logs it, and reads no more."""
    consumer._fetcher._fetch_task.cancel()


async def end_the_heartbeats(consumer: AIOKafkaConsumer) -> None:
    """As after an answer that aiokafka did not expect: every fetch raises it from then on."""

    async def failed() -> None:
        raise KafkaError("an answer that nobody expects")

    consumer._coordinator._heartbeat_task.cancel()
    consumer._coordinator._heartbeat_task = asyncio.ensure_future(failed())
    consumer._coordinator.coordinator_dead()  # wakes the coordinator up


@pytest.fixture
def consumers(monkeypatch: pytest.MonkeyPatch) -> list[AIOKafkaConsumer]:
    """Those that the service has made."""
    made: list[AIOKafkaConsumer] = []

    def note(settings: KafkaSettings, group: str) -> AIOKafkaConsumer:
        made.append(new_consumer(settings, group))
        return made[-1]

    monkeypatch.setattr(runtime.worker_service, "new_consumer", note)
    return made


@asynccontextmanager
async def serving(line: Line, settings: WorkerSettings) -> AsyncIterator[None]:
    """The service, which must not end by itself."""
    stop = asyncio.Event()
    running = asyncio.create_task(serve_worker(line.name, lambda _: line, settings, stop))
    try:
        yield
        assert not running.done()
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await running


async def new_echo(broker: Broker) -> Line:
    """A line that passes everything on."""

    async def echo(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, echo)
    return line


async def _committed(line: Line, count: int) -> bool:
    return await line.committed() == count


@pytest.mark.parametrize("break_it", [end_the_fetcher, end_the_heartbeats])
async def test_a_broken_consumer_is_replaced(
    broker: Broker,
    worker_settings: MakeWorkerSettings,
    consumers: list[AIOKafkaConsumer],
    break_it: Break,
) -> None:
    """The next one goes on where it ended."""
    line, settings = await new_echo(broker), worker_settings()
    with capture_logs() as logs:
        async with serving(line, settings):
            values = await line.feed(settings, 5)
            await until(lambda: _committed(line, 5))
            await break_it(consumers[0])
            values += await line.feed(settings, 5, start=5)
            await until(lambda: _committed(line, 10))
    assert [value for call in line.calls for value in call] == values
    assert len(consumers) == 2
    assert [entry["event"] for entry in logs].count("consumer_replaced") == 1


async def test_a_replacement_waits_for_kafka(
    broker: Broker, worker_settings: MakeWorkerSettings, consumers: list[AIOKafkaConsumer]
) -> None:
    """Only a service that begins gives up; one that worked goes on trying."""
    line, direct = await new_echo(broker), worker_settings()
    async with before_kafka(broker.bootstrap) as (kafka,):
        with capture_logs() as logs:
            async with serving(line, worker_settings(kafka_bootstrap=kafka.address)):
                await line.feed(direct, 5)
                await until(lambda: _committed(line, 5))
                await kafka.refuse()
                await end_the_fetcher(consumers[0])
                await until(lambda: any(one["event"] == "consumer_not_started" for one in logs))
                await line.feed(direct, 5, start=5)
                await kafka.heal()
                await until(lambda: _committed(line, 10))


async def test_dead_letters_are_counted_on_when_the_consumer_is_replaced(
    broker: Broker, worker_settings: MakeWorkerSettings, consumers: list[AIOKafkaConsumer]
) -> None:
    """Too many in a row are too many, whoever read them."""

    async def refuse(_: Sequence[Record]) -> Outcome:
        raise RejectError("broken", "everything is refused")

    line = await new_line(broker, refuse)
    settings = worker_settings(worker_breaker_run=4)
    with capture_logs() as logs:
        async with serving(line, settings):
            await line.feed(settings, 3)
            await until(lambda: _committed(line, 3))
            await end_the_fetcher(consumers[0])
            await line.feed(settings, 5, start=3)
            await until(lambda: any(one["event"] == "breaker_open" for one in logs))
            await until(lambda: _committed(line, 4))


async def test_a_consumer_that_comes_while_a_stop_is_asked_is_stopped(
    broker: Broker,
    worker_settings: MakeWorkerSettings,
    consumers: list[AIOKafkaConsumer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else it would stay in its group."""
    line, settings = await new_echo(broker), worker_settings()
    stop = asyncio.Event()

    async def start_and_ask(client: AIOKafkaConsumer, bootstrap: str) -> None:
        await start_client(client, bootstrap)
        if len(consumers) == 2:
            stop.set()

    monkeypatch.setattr(runtime.worker_service, "start_client", start_and_ask)
    service = asyncio.create_task(serve_worker(line.name, lambda _: line, settings, stop))
    await line.feed(settings, 5)
    await until(lambda: _committed(line, 5))
    await end_the_fetcher(consumers[0])
    async with asyncio.timeout(30):
        await service
    assert [consumer._closed for consumer in consumers] == [True, True]


@pytest.mark.parametrize("silent", [("kafka",), ("postgres",), ("kafka", "postgres")])
async def test_what_falls_silent_does_not_outlast_the_time_to_stop(
    broker: Broker,
    worker_settings: MakeWorkerSettings,
    engine: AsyncEngine,
    database_url: str,
    silent: tuple[str, ...],
) -> None:
    """In the middle of a batch: the service ends by itself, before it would be killed."""

    async def effect(records: Sequence[Record]) -> Outcome:
        async with transaction(line_engine) as connection:
            await connection.execute(text("SELECT 1"))
            for one in silent:
                proxies[one].stall()
            await connection.execute(text("SELECT 1"))
        return line.echo(records)

    line = await new_line(broker, effect)
    await line.feed(worker_settings(), 5)
    async with before_kafka(broker.bootstrap) as (kafka,), postgres_proxy(engine) as postgres:
        proxies = {"kafka": kafka, "postgres": postgres}
        settings = worker_settings(
            kafka_bootstrap=kafka.address,
            database_url=postgres.before(database_url),
            drain_timeout_s=1,
        )
        line_engine = new_engine(settings, "test", command_timeout_s=60)
        stop = asyncio.Event()
        service = asyncio.create_task(serve_worker(line.name, lambda _: line, settings, stop))
        await until(lambda: line.calls)
        stop.set()
        async with asyncio.timeout(settings.drain_timeout_s + CLOSE_TIMEOUT_S):
            await service
        await kafka.heal()
        await postgres.heal()
        await dispose(line_engine)


def postgres_proxy(engine: AsyncEngine) -> Proxy:
    """A proxy before the session's PostgreSQL."""
    return Proxy("127.0.0.1", engine.url.port or 0)
