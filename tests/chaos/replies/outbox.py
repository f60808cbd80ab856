"""The outbox from outside: what it holds, and when it has nothing left to do."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from typing import Final

import asyncpg

from tests.chaos.replies.verdict import Row
from tests.faults.clock import Clock

ROWS: Final = """
SELECT reply_key, event_id, rule, account_id, coalesce(comment_id, media_id) AS target, state,
    reason, reply_id, dry_run,
    concat_ws('#', account_id, coalesce(thread_id, reply_key), md5(message)) AS alike
FROM hookline.replies
"""

LEFT_ALONE: Final = """
SELECT concat_ws(':', 'mentions', account_id, media_id, coalesce(nullif(comment_id, ''), '-')),
    concat_ws(': ', enrichment_status, enrichment_reason)
FROM hookline.mentions WHERE enrichment_status NOT IN ('done', 'partial')
UNION ALL
SELECT concat_ws(':', field, account_id, comment_id),
    CASE WHEN hidden THEN 'hidden' ELSE concat_ws(': ', enrichment_status, enrichment_reason) END
FROM hookline.comments WHERE hidden OR enrichment_status IN ('pending', 'parked')
"""

# What Meta refused for abuse holds up its account: that waits for a time, too.
NEXT: Final = """
SELECT
    count(*) FILTER (WHERE state = 'sending' OR due_at <= clock_timestamp() AND (
        state = 'unknown' OR state = 'planned' AND NOT dry_run AND rule = ANY($1)
        AND NOT EXISTS (SELECT FROM hookline.replies AS b WHERE b.account_id = r.account_id
            AND b.reason = 'blocked_for_abuse' AND b.due_at > clock_timestamp()))) AS now,
    min(due_at - clock_timestamp()) FILTER (WHERE due_at > clock_timestamp()
        AND (state = 'unknown' OR state = 'planned' AND NOT dry_run AND rule = ANY($1))) AS later
FROM hookline.replies AS r
"""

# In the hours from $2 over midnight to $3, by UTC.
IN_QUIET_HOURS: Final = """
SELECT count(*) FROM hookline.replies
WHERE rule = $1 AND NOT extract(hour FROM sending_at AT TIME ZONE 'UTC') BETWEEN $3 AND $2 - 1
"""

MOST_IN_AN_HOUR: Final = """
SELECT coalesce(max(sent), 0) FROM (
    SELECT count(*) OVER (PARTITION BY account_id ORDER BY sending_at
        RANGE BETWEEN interval '59 minutes 59 seconds' PRECEDING AND CURRENT ROW) AS sent
    FROM hookline.replies WHERE rule = $1 AND sending_at IS NOT NULL
) AS hours
"""

POLL_S: Final = 0.05
STUCK_S: Final = 90.0
"""Something is to be done now, and nobody does it."""

MOST_WAITS: Final = 500

MARGIN: Final = timedelta(minutes=1)
"""What is due at nearly the same time is done together."""


class NotSettledError(Exception):
    """Something in the outbox stays as it is, though it is due."""


async def rows(database_url: str) -> list[Row]:
    """All of it."""
    return [Row(*row) for row in await _fetch(database_url, ROWS)]


async def left_alone(database_url: str) -> dict[str, str]:
    """Why events have no answer, as the tables tell it, by event id."""
    return {row[0]: row[1] for row in await _fetch(database_url, LEFT_ALONE)}


async def begun_in_quiet_hours(database_url: str, rule: str, since: int, until: int) -> int:
    """How many answers of a rule were begun from one hour, over midnight, to another one."""
    [(count,)] = await _fetch(database_url, IN_QUIET_HOURS, rule, since, until)
    return int(count)


async def most_in_an_hour(database_url: str, rule: str) -> int:
    """How many answers of a rule were begun within an hour for one account, at most."""
    [(count,)] = await _fetch(database_url, MOST_IN_AN_HOUR, rule)
    return int(count)


async def settled(database_url: str, rules: Collection[str], clock: Clock | None) -> timedelta:
    """Returns when nothing is to be sent or looked for by these rules, now or later; time is put
    forward where everything waits for it. Without a clock only what is due now is waited for.

    Returns:
        How much time was put forward.

    Raises:
        NotSettledError: what is due is not done.
    """
    passed = timedelta()
    for _ in range(MOST_WAITS):
        later = await _nothing_due(database_url, rules)
        if later is None or clock is None:
            return passed
        await clock.forward(later + MARGIN)
        passed += later + MARGIN
    raise NotSettledError(f"there is no end to what is put off: {passed} went by")


async def _nothing_due(database_url: str, rules: Collection[str]) -> timedelta | None:
    """Waits until nothing is due, as long as it becomes less; gives how long it is until something
    will be.
    """
    fewest = None
    try:
        async with asyncio.timeout(STUCK_S) as limit:
            while True:
                [(now, later)] = await _fetch(database_url, NEXT, list(rules))
                if not now:
                    return later if isinstance(later, timedelta) else None
                if fewest is None or now < fewest:
                    fewest = now
                    limit.reschedule(asyncio.get_running_loop().time() + STUCK_S)
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise NotSettledError(f"{now} answers are due for {STUCK_S:.0f} s") from error


async def _fetch(database_url: str, query: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()
