"""What waits to be read from the Graph API, account by account."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from schemas.tables import ANALYTICS, SCHEMA

PARKED_STATES: Final = ("parked", "removed", "not_connected")
"""Nothing is read for an account in one of these: a person has to connect it."""

# Of two blocks, the account's and the app's, the one that ends last counts.
_STANDINGS: Final = text(f"""
SELECT now() AS at, account_id, username, state, state_reason,
    coalesce(parked_endpoints, '{{}}') AS parked_endpoints, ends_at,
    reads_waiting, reads_due, waiting_since, next_due_at,
    coalesce(read_last_hour, 0) AS read_last_hour, used_percent,
    greatest(h.blocked_until, app_blocked_until) AS blocked_until,
    coalesce(left_out, 0) AS left_out
FROM {ANALYTICS}.account_health AS h
LEFT JOIN (
    SELECT a.account_id, blocked_until AS app_blocked_until
    FROM {SCHEMA}.accounts AS a JOIN {SCHEMA}.graph_usage AS u USING (app_id)
    WHERE u.pool = 'app' AND u.blocked_until > now()
) AS b USING (account_id)
LEFT JOIN (
    SELECT account_id, count(*) AS read_last_hour FROM {SCHEMA}.graph_reads
    WHERE read_at > now() - interval '1 hour' GROUP BY account_id
) AS r USING (account_id)
LEFT JOIN (
    SELECT t.account_id, count(*) AS left_out
    FROM {SCHEMA}.enrichment_tasks AS t JOIN {SCHEMA}.accounts AS a USING (account_id)
    WHERE a.parked_endpoints ? t.endpoint GROUP BY t.account_id
) AS l USING (account_id)
ORDER BY reads_waiting DESC, account_id
""")  # noqa: S608


class Standing(NamedTuple):
    """One account: what is known of it, and of the reads that wait for it.

    Of those `left_out` are of a kind that Meta refuses until somebody connects it again.
    """

    at: datetime
    account_id: str
    username: str | None
    state: str
    state_reason: str | None
    parked_endpoints: dict[str, str]
    ends_at: datetime | None
    waiting: int
    due: int
    oldest_at: datetime | None
    next_at: datetime | None
    read_last_hour: int
    used_percent: float | None
    blocked_until: datetime | None
    left_out: int

    @property
    def parked(self) -> bool:
        """Whether it waits for a person."""
        return self.state in PARKED_STATES

    @property
    def for_a_person(self) -> int:
        """How many reads wait for somebody to connect it."""
        return self.waiting if self.parked else self.left_out

    @property
    def oldest_age(self) -> timedelta | None:
        """How long the read that waits longest has waited."""
        return self.at - self.oldest_at if self.oldest_at else None

    @property
    def clears_in(self) -> timedelta | None:
        """When nothing waits but for a person, at the pace of the last hour; None when that is
        unknown, or nothing else waits.
        """
        if not self.waiting:
            return timedelta(0)
        waiting = self.waiting - self.for_a_person
        if not waiting or not self.read_last_hour:
            return None
        blocked = self.blocked_until - self.at if self.blocked_until else timedelta(0)
        return blocked + timedelta(hours=waiting / self.read_last_hour)


async def standings(engine: AsyncEngine) -> list[Standing]:
    """Every account that is known or waited for; the greatest backlog first."""
    async with transaction(engine) as connection:
        return [Standing(*row) for row in await connection.execute(_STANDINGS)]


def clears_in(of: Sequence[Standing]) -> timedelta | None:
    """When nothing waits any more but for a person; None when that is unknown."""
    times = [one.clears_in for one in of if one.waiting > one.for_a_person]
    if None in times:
        return None
    return max((time for time in times if time is not None), default=timedelta(0))
