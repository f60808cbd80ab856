"""What reply does beside its loop: it sends what its handler plans."""

import asyncio
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from graph.budget.ledger import Ledger
from graph.client import Client
from graph.tokens import Tokens
from runtime.publisher import Publisher
from runtime.retry import Retry
from runtime.vault import Vault
from runtime.worker import Handler
from schemas.settings import ReplySettings
from workers.reply.deciding import NO_RULES, RulesSource
from workers.reply.handler import ReplyHandler
from workers.reply.outbox import Outbox
from workers.reply.rules.file_rules import FileRules, require_rules
from workers.reply.sender import Sender

LEASE_MARGIN_S: Final = 20.0
"""Beyond the call itself: for PostgreSQL, which is told how it ended."""


def require_settings(settings: ReplySettings) -> None:
    """Returns when the worker can begin with these settings.

    Raises:
        SettingsError: the file of rules cannot be used; with every problem in it.
    """
    if settings.reply_rules is not None:
        require_rules(settings.reply_rules)


async def run_beside(
    handler: Handler,
    engine: AsyncEngine,
    _: Publisher,
    retry: Retry,
    settings: ReplySettings,
    stop: asyncio.Event,
) -> None:
    """Sends answers until `stop` is set, then ends those in flight.

    Raises:
        SettingsError: the file of rules cannot be used.
    """
    assert isinstance(handler, ReplyHandler)  # noqa: S101  # ours, made above
    # Before the first wait, so before the loop has anything to handle.
    file_rules = FileRules(settings.reply_rules) if settings.reply_rules else None
    rules: RulesSource = file_rules or NO_RULES
    handler.rules = rules
    handler.to_replayed = settings.reply_to_replayed
    lease_s = settings.graph_timeout_s + LEASE_MARGIN_S
    async with Client(
        settings.graph_url, settings.graph_version, settings.graph_timeout_s
    ) as client:
        sender = Sender(
            Outbox(engine, lease_s),
            client,
            Tokens(engine, Vault(settings), settings.secrets_by_app()),
            Ledger(engine, settings.graph_target_utilisation, lease_s),
            rules,
            retry,
            settings,
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(sender.run(handler.some, stop))
                if file_rules is not None:
                    group.create_task(file_rules.watch(stop))
        except BaseExceptionGroup as failed:
            raise _first(failed) from failed


def _first(error: BaseException) -> BaseException:
    """What went wrong first, out of its groups: the process ends as after it alone."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
