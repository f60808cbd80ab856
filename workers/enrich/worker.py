"""What enrich does beside its loop: the reads that its handler puts down."""

import asyncio
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from graph.budget.ledger import Ledger
from graph.client import Client
from graph.tokens import Tokens
from runtime.publisher import Publisher
from runtime.retry import Retry
from runtime.vault import Vault
from runtime.worker import Handler
from schemas.settings import EnrichSettings
from workers.enrich.handler import EnrichHandler
from workers.enrich.queue import Queue
from workers.enrich.runner import PUBLISH_TIMEOUT_S, Runner
from workers.enrich.watch import Watch

LEASE_MARGIN_S: Final = 20.0


async def run_beside(
    handler: Handler,
    engine: AsyncEngine,
    publisher: Publisher,
    retry: Retry,
    settings: EnrichSettings,
    stop: asyncio.Event,
) -> None:
    """Does the reads until `stop` is set, then ends those in flight."""
    assert isinstance(handler, EnrichHandler)  # noqa: S101  # ours, made above
    handler.media_max_age = timedelta(seconds=settings.graph_media_max_age_s)
    lease_s = settings.graph_timeout_s + PUBLISH_TIMEOUT_S + LEASE_MARGIN_S
    async with Client(
        settings.graph_url, settings.graph_version, settings.graph_timeout_s
    ) as client:
        tokens = Tokens(engine, Vault(settings), settings.secrets_by_app())
        runner = Runner(
            Queue(engine, lease_s),
            client,
            tokens,
            Ledger(
                engine,
                settings.graph_target_utilisation,
                settings.graph_timeout_s + LEASE_MARGIN_S,
            ),
            publisher,
            retry,
            settings,
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(runner.run(handler.some, stop))
                group.create_task(Watch(client, tokens, retry).run(stop))
        except BaseExceptionGroup as failed:
            raise _first(failed) from failed


def _first(error: BaseException) -> BaseException:
    """What went wrong first, out of its groups: the process ends as after it alone."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
