"""What comes to its end while the worker runs: tokens, access to data, the Graph version.

Metrics tell it at any time, the log once a day.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Final

import structlog

from graph.client import Client
from graph.tokens import Tokens
from runtime import metrics
from runtime.lifecycle import unless_stopped
from runtime.retry import Retry

LOOK_INTERVAL_S: Final = 60.0

NOTICE: Final = timedelta(days=7)
"""So long before its end an account is `expiring`, as `analytics.account_health` has it."""

log = structlog.get_logger()


def _now() -> datetime:
    return datetime.now(UTC)


class Watch:
    """Looks each minute."""

    def __init__(
        self, client: Client, tokens: Tokens, retry: Retry, clock: Callable[[], datetime] = _now
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._retry = retry
        self._clock = clock
        self._told_on: date | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until `stop` is set."""
        while not stop.is_set():
            await unless_stopped(stop, self._retry.until_done(self.look))
            await unless_stopped(stop, asyncio.sleep(LOOK_INTERVAL_S))

    async def look(self) -> None:
        """Tells what there is to be told now.

        Raises:
            RetryError: PostgreSQL is away.
        """
        ends = await self._tokens.ends()
        now = self._clock()
        metrics.ACCOUNT_END.clear()
        for account_id, ends_at in ends.items():
            metrics.ACCOUNT_END.labels(account_id).set(ends_at.timestamp() if ends_at else inf)
        if self._told_on == now.date():
            return
        if self._told_on is not None:  # opened, the client told it by itself
            self._client.tell_version(now.date())
        self._told_on = now.date()
        for account_id, ends_at in ends.items():
            if ends_at is not None and ends_at - now < NOTICE:
                log.warning("account_expiring", account=account_id, ends_at=ends_at.isoformat())
