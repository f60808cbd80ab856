"""The process: opens what the watchdog needs, checks it, runs, and closes in reverse."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog

from graph.client import Client
from graph.subscribing import Subscribing
from runtime.database import dispose, new_engine, require_revision
from runtime.health import Readiness, health_server
from runtime.retry import Retry
from runtime.vault import Vault
from schemas.settings import WatchdogSettings
from workers.watchdog.watchdog import Watchdog

NAME = "watchdog"

log = structlog.get_logger()


async def serve(settings: WatchdogSettings, stop: asyncio.Event) -> None:
    """Watches until `stop` is set.

    Raises:
        DependencyError: PostgreSQL is unreachable or not set up.
    """
    async with AsyncExitStack() as stack:
        readiness = Readiness()
        await stack.enter_async_context(
            health_server(settings.metrics_host, settings.metrics_port, readiness)
        )
        engine = new_engine(settings, NAME)
        stack.push_async_callback(dispose, engine)
        await require_revision(engine)
        client = await stack.enter_async_context(
            Client(settings.graph_url, settings.graph_version, settings.graph_timeout_s)
        )
        token = settings.verify_token
        subscribing = Subscribing(
            client, settings.callback_url, token.get_secret_value() if token else None
        )
        watchdog = Watchdog(
            engine,
            subscribing,
            Vault(settings),
            settings.secrets_by_app(),
            timedelta(seconds=settings.watchdog_interval_s),
        )
        log.info("watchdog_started", interval_s=settings.watchdog_interval_s)
        readiness.ready("starting")
        await watchdog.run(Retry(readiness, NAME), stop)
