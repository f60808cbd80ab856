"""A worker process: opens what the loop needs, checks it, runs, and closes in reverse."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.breaker import Breaker
from runtime.database import dispose, new_engine, require_revision
from runtime.errors import DependencyError, KafkaUnavailableError
from runtime.health import Readiness, health_server
from runtime.kafka import (
    RESULTS_TIMEOUT_MS,
    new_consumer,
    require_topics,
    start_client,
    stop_client,
)
from runtime.lifecycle import unless_stopped
from runtime.loop import Loop
from runtime.publisher import Publisher
from runtime.retry import Retry
from runtime.worker import Handler
from schemas.settings import WorkerSettings
from schemas.topics import DEAD_LETTERS, consumer_group

REPLACE_PAUSE_S: Final = 1.0

MakeHandler = Callable[[AsyncEngine], Handler]

Beside: TypeAlias = Callable[
    [Handler, AsyncEngine, Publisher, Retry, Any, asyncio.Event], Coroutine[Any, Any, None]
]
"""What a worker does beside its loop, with its settings, until the event is set."""

log = structlog.get_logger()


async def serve_worker(
    name: str,
    make_handler: MakeHandler,
    settings: WorkerSettings,
    stop: asyncio.Event,
    beside: Beside | None = None,
) -> None:
    """Runs one replica of a worker until `stop` is set, then drains.

    Raises:
        DependencyError: Kafka or PostgreSQL is unreachable or not set up.
    """
    async with AsyncExitStack() as stack:
        readiness = Readiness()
        await stack.enter_async_context(
            health_server(settings.metrics_host, settings.metrics_port, readiness)
        )
        engine = new_engine(settings, name, command_timeout_s=settings.worker_statement_timeout_s)
        stack.push_async_callback(dispose, engine)
        handler = make_handler(engine)
        await require_revision(engine)
        publisher = await stack.enter_async_context(
            Publisher(settings, request_timeout_ms=RESULTS_TIMEOUT_MS)
        )
        written = [*handler.publishes_to, DEAD_LETTERS]
        await require_topics(publisher.producer, [*handler.topics, *written])
        await publisher.learn(written)
        log.info("worker_started", topics=list(handler.topics))
        loop = _consume(handler, publisher, settings, readiness, engine, stop)
        if beside is None:
            await loop
        else:
            retry = Retry(readiness, name)
            other = beside(handler, engine, publisher, retry, settings, stop)
            await _both(loop, other, stop, settings.drain_timeout_s)


async def _both(
    loop: Coroutine[Any, Any, None],
    other: Coroutine[Any, Any, None],
    stop: asyncio.Event,
    drain_timeout_s: float,
) -> None:
    """Runs both until `stop` is set and they have drained; what fails first ends the other."""
    working, beside = asyncio.create_task(loop), asyncio.create_task(other)
    stopped = asyncio.create_task(stop.wait())
    tasks = (working, beside)
    try:
        await asyncio.wait((*tasks, stopped), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await asyncio.wait(tasks, timeout=drain_timeout_s)
            beside.cancel()
            await working  # which drains within a time of its own
        for task in tasks:
            if task.done() and not task.cancelled():
                await task
    finally:
        stopped.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, stopped, return_exceptions=True)


async def _consume(
    handler: Handler,
    publisher: Publisher,
    settings: WorkerSettings,
    readiness: Readiness,
    engine: AsyncEngine,
    stop: asyncio.Event,
) -> None:
    """Runs the loop until `stop` is set; with another consumer when one is of no use any more.

    Raises:
        DependencyError: Kafka is not there at the start. Later it is waited for.
    """
    breaker = Breaker(engine, handler.name, settings, readiness)
    worked = False
    while not stop.is_set():
        try:
            async with _consumer(settings, consumer_group(handler.name), stop) as consumer:
                if stop.is_set():
                    return
                worked = True
                readiness.start_over()
                loop = Loop(handler, consumer, publisher, settings, readiness, engine, breaker)
                await loop.run(stop)
        except KafkaUnavailableError as error:
            log.warning("consumer_replaced", reason=error.reason, detail=str(error))
        except DependencyError as error:
            if not worked:
                raise
            log.warning("consumer_not_started", reason=error.reason)
        await unless_stopped(stop, asyncio.sleep(REPLACE_PAUSE_S))


@asynccontextmanager
async def _consumer(
    settings: WorkerSettings, group: str, stop: asyncio.Event
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that has started, unless `stop` was set first; stopped however this ends."""
    consumer = new_consumer(settings, group)
    try:
        await unless_stopped(stop, start_client(consumer, settings.kafka_bootstrap))
        yield consumer
    finally:
        await stop_client(consumer)
