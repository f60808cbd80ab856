"""What archive does beside its loop: deliveries that Kafka has in part become whole."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.publisher import Publisher
from runtime.retry import Retry
from runtime.worker import Handler
from schemas.settings import WorkerSettings
from workers.archive.completion import Completion


async def run_beside(
    _handler: Handler,
    engine: AsyncEngine,
    publisher: Publisher,
    retry: Retry,
    _settings: WorkerSettings,
    stop: asyncio.Event,
) -> None:
    """Completes deliveries until `stop` is set."""
    await Completion(engine, publisher, retry).run(stop)
