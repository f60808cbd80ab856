"""How many deliveries came in each hour of the last weeks, account by account, and when the latest.

It is kept in memory: sightings are the source, and are read again at the start.
"""

import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from schemas.identity import DASHBOARD_ACCOUNT
from schemas.tables import SCHEMA
from workers.watchdog.silence import HISTORY_HOURS, HOUR_S, hour_of

LATE_HOURS: Final = 3
"""Hours that are read again each time: a delivery is stored a while after it was received."""

READ_TIME_S: Final = 10.0
"""So long one refreshing takes at most, about. The rest is read by the next ones."""

# One hour a time, so that none takes PostgreSQL long: a day may have a hundred million rows.
_HOUR: Final = text(
    "SELECT split_part(event_id, ':', 2) AS account_id, "  # noqa: S608
    "count(DISTINCT delivery_id) AS deliveries, max(received_at) AS last_at "
    f"FROM {SCHEMA}.sightings WHERE received_at >= :start AND received_at < :until "
    "GROUP BY 1"
)


class History:
    """Deliveries by hour."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: set[int] = set()
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self._last_at: dict[str, datetime] = {}

    def counts(self, account_id: str) -> dict[int, int]:
        """An account's deliveries by hour."""
        return self._counts.get(account_id, {})

    def last_at(self, account_id: str) -> datetime | None:
        """When the latest one was received; None when there is none in all the weeks."""
        return self._last_at.get(account_id)

    def all_counts(self) -> dict[int, int]:
        """Deliveries of all accounts by hour, also of those that are not connected."""
        total: defaultdict[int, int] = defaultdict(int)
        for counts in self._counts.values():
            for hour, count in counts.items():
                total[hour] += count
        return total

    def all_last_at(self) -> datetime | None:
        """When anybody's latest one was received."""
        return max(self._last_at.values(), default=None)

    async def refresh(self, now: datetime) -> None:
        """Reads what came since, the newest hours first.

        Raises:
            RetryError: PostgreSQL is away.
        """
        current = hour_of(now)
        first = current - HISTORY_HOURS
        until_s = time.monotonic() + READ_TIME_S
        self._forget_before(first)
        for hour in range(current, first - 1, -1):
            is_late = hour > current - LATE_HOURS
            if is_late or hour not in self._known:
                await self._read(hour)
                if not is_late and time.monotonic() > until_s:
                    return

    async def _read(self, hour: int) -> None:
        bounds = {
            "start": datetime.fromtimestamp(hour * HOUR_S, UTC),
            "until": datetime.fromtimestamp((hour + 1) * HOUR_S, UTC),
        }
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(_HOUR, bounds)).all()
        for account_id, deliveries, last_at in rows:
            if account_id != DASHBOARD_ACCOUNT:
                self._counts[account_id][hour] = deliveries
                self._last_at[account_id] = max(self._last_at.get(account_id, last_at), last_at)
        self._known.add(hour)

    def _forget_before(self, first: int) -> None:
        self._known = {hour for hour in self._known if hour >= first}
        for account_id, counts in list(self._counts.items()):
            for hour in [hour for hour in counts if hour < first]:
                del counts[hour]
            if not counts:
                del self._counts[account_id]
                self._last_at.pop(account_id, None)
