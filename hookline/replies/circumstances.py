"""What answers depend on besides themselves, in PostgreSQL."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from graph.errors import BLOCKED
from hookline.replies.prospect import Circumstances
from schemas.tables import SCHEMA

WORKER: Final = "hookline.reply"
"""What a worker `reply` calls itself at PostgreSQL, where it is always connected."""

_READ: Final = text(f"""
SELECT clock_timestamp(), a.username, a.state, a.state_reason,
    coalesce(a.parked_endpoints, '{{}}'),
    (SELECT max(due_at) FROM {SCHEMA}.replies AS b WHERE b.account_id = given.account_id
        AND b.reason = '{BLOCKED}' AND b.due_at > clock_timestamp()),
    EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = '{WORKER}')
FROM (SELECT CAST(:account_id AS text) AS account_id) AS given
LEFT JOIN {SCHEMA}.accounts AS a USING (account_id)
""")  # noqa: S608


async def circumstances_of(connection: AsyncConnection, account_id: str) -> Circumstances:
    """What the answers of an account depend on now."""
    return Circumstances(*(await connection.execute(_READ, {"account_id": account_id})).one())
