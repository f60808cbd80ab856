"""What waits to be read from the Graph API, account by account."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from schemas.tables import SCHEMA

PARKED_STATES: Final = ("parked", "removed", "not_connected")
"""Nothing is read for an account in one of these: a person has to connect it."""

_STANDINGS: Final = text(f"""
SELECT now() AS at, coalesce(t.account_id, a.account_id) AS account_id, a.username,
    coalesce(a.state, 'not_connected') AS state, a.state_reason,
    coalesce(a.parked_endpoints, '{{}}') AS parked_endpoints,
    coalesce(t.waiting, 0) AS waiting, coalesce(t.due, 0) AS due, t.oldest_at, t.next_at,
    coalesce(r.read_last_hour, 0) AS read_last_hour, u.used_percent, u.blocked_until
FROM (
    SELECT account_id, count(*) AS waiting, count(*) FILTER (WHERE due_at <= now()) AS due,
        min(created_at) AS oldest_at, min(due_at) AS next_at
    FROM {SCHEMA}.enrichment_tasks GROUP BY account_id
) AS t
FULL JOIN {SCHEMA}.accounts AS a ON a.account_id = t.account_id
LEFT JOIN (
    SELECT account_id, count(*) AS read_last_hour FROM {SCHEMA}.graph_reads
    WHERE read_at > now() - interval '1 hour' GROUP BY account_id
) AS r ON r.account_id = coalesce(t.account_id, a.account_id)
LEFT JOIN (
    SELECT account_id, max(used_percent) AS used_percent,
        max(blocked_until) FILTER (WHERE blocked_until > now()) AS blocked_until
    FROM {SCHEMA}.graph_usage WHERE pool = 'account' GROUP BY account_id
) AS u ON u.account_id = coalesce(t.account_id, a.account_id)
ORDER BY waiting DESC, account_id
""")  # noqa: S608


class Standing(NamedTuple):
    """One account: what is known of it, and of the reads that wait for it."""

    at: datetime
    account_id: str
    username: str | None
    state: str
    state_reason: str | None
    parked_endpoints: dict[str, str]
    waiting: int
    due: int
    oldest_at: datetime | None
    next_at: datetime | None
    read_last_hour: int
    used_percent: float | None
    blocked_until: datetime | None

    @property
    def parked(self) -> bool:
        """Whether it waits for a person."""
        return self.state in PARKED_STATES

    @property
    def oldest_age(self) -> timedelta | None:
        """How long the read that waits longest has waited."""
        return self.at - self.oldest_at if self.oldest_at else None

    @property
    def clears_in(self) -> timedelta | None:
        """When nothing waits any more, at the pace of the last hour; None when that is unknown."""
        if not self.waiting:
            return timedelta(0)
        if self.parked or not self.read_last_hour:
            return None
        blocked = self.blocked_until - self.at if self.blocked_until else timedelta(0)
        return blocked + timedelta(hours=self.waiting / self.read_last_hour)


async def standings(engine: AsyncEngine) -> list[Standing]:
    """Every account that is known or waited for; the greatest backlog first."""
    async with transaction(engine) as connection:
        return [Standing(*row) for row in await connection.execute(_STANDINGS)]


def clears_in(of: Sequence[Standing]) -> timedelta | None:
    """When nothing waits any more but for accounts that are parked; None when that is unknown."""
    times = [one.clears_in for one in of if not one.parked and one.waiting]
    if None in times:
        return None
    return max((time for time in times if time is not None), default=timedelta(0))
