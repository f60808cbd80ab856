"""A worker process: opens what the loop needs, checks it, runs, and closes in reverse."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import dispose, new_engine, require_revision
from runtime.health import Readiness, health_server
from runtime.kafka import new_consumer, require_topics, start_client, stop_client
from runtime.publisher import Publisher
from runtime.worker import Handler, Loop
from schemas.settings import WorkerSettings
from schemas.topics import DEAD_LETTERS, consumer_group

MakeHandler = Callable[[AsyncEngine], Handler]

log = structlog.get_logger()


async def serve_worker(
    name: str, make_handler: MakeHandler, settings: WorkerSettings, stop: asyncio.Event
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
        engine = new_engine(settings, name)
        stack.push_async_callback(dispose, engine)
        handler = make_handler(engine)
        await require_revision(engine)
        publisher = await stack.enter_async_context(Publisher(settings))
        written = [*handler.publishes_to, DEAD_LETTERS]
        await require_topics(publisher.producer, [*handler.topics, *written])
        await publisher.learn(written)
        consumer = new_consumer(settings, consumer_group(name))
        stack.push_async_callback(stop_client, consumer)
        await start_client(consumer, settings.kafka_bootstrap)
        log.info("worker_started", topics=list(handler.topics))
        await Loop(handler, consumer, publisher, settings, readiness).run(stop)
