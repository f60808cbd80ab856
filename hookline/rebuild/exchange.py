"""The exchange: rows that are not as the deliveries tell give way to those that are, at once.

Tables stay, and rows change: views, rights, indexes, publications and whatever else people have
tied to a table remain. In one transaction, in which
others read but do not write, the rows that differ are kept aside, removed, put right or added.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import stamina
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.rebuild.compared import COMPARED, Compared
from hookline.rebuild.scratch import RebuildError
from runtime.database import transaction
from runtime.errors import DatabaseUnavailableError
from schemas.tables import SCHEMA, deliveries, enrichment_tasks, sightings

LOCK_TIMEOUT_S: Final = 3.0
"""While we wait for the locks, writers wait behind us."""

LOCK_ATTEMPTS: Final = 20

RECENT: Final = timedelta(days=1)
"""What was received before is looked for without the locks, and only what came since with them."""

CatchUp = Callable[[datetime], Awaitable[None]]
"""Rebuilds what was archived meanwhile of what was received since."""

_UNARCHIVED: Final = f"""
INSERT INTO {{scratch}}.unarchived
SELECT DISTINCT delivery_id::text FROM {SCHEMA}.{sightings.name} AS seen
WHERE {{when}} AND NOT EXISTS (
    SELECT FROM {SCHEMA}.{deliveries.name} AS archived
    WHERE archived.received_at = seen.received_at AND archived.delivery_id = seen.delivery_id
)
ON CONFLICT DO NOTHING
"""  # noqa: S608 - names of ours

_DAMAGED: Final = """
INSERT INTO {scratch}.unarchived SELECT delivery_id::text FROM {scratch}.damaged
ON CONFLICT DO NOTHING
"""

_KEEP: Final = """
DELETE FROM {scratch}.differing_{table} AS d
USING {live}.{table} AS live
WHERE {d_is_live} AND ({from_unarchived} OR {unrecorded} AND EXISTS (
    SELECT FROM {scratch}.{table} AS rebuilt WHERE {d_is_rebuilt}
))
"""

_ASIDE: Final = """
CREATE TABLE {aside}.{table} AS
SELECT live.* FROM {scratch}.differing_{table} AS d
JOIN {live}.{table} AS live ON {d_is_live}
LEFT JOIN {scratch}.{table} AS rebuilt ON {d_is_rebuilt}
WHERE {no_rebuilt} OR {differ}
"""

_REMOVE: Final = """
DELETE FROM {live}.{table} AS live USING {scratch}.differing_{table} AS d
WHERE {d_is_live} AND NOT EXISTS (
    SELECT FROM {scratch}.{table} AS rebuilt WHERE {d_is_rebuilt}
)
"""

_CHANGE: Final = """
UPDATE {live}.{table} AS live SET {assignments}
FROM {scratch}.differing_{table} AS d JOIN {scratch}.{table} AS rebuilt ON {d_is_rebuilt}
WHERE {d_is_live} AND {differ}
"""

_ADD: Final = """
INSERT INTO {live}.{table} ({all_columns})
SELECT {rebuilt_columns}
FROM {scratch}.differing_{table} AS d JOIN {scratch}.{table} AS rebuilt ON {d_is_rebuilt}
ON CONFLICT DO NOTHING
"""

# Nothing but the live row tells that somebody is waited for. One that was lost is told it again.
_TELL_AGAIN: Final = f"""
UPDATE {SCHEMA}.{enrichment_tasks.name} AS told SET parked_told = false
FROM {{scratch}}.differing_{{table}} AS d WHERE told.parked_told AND {{reads}}
"""  # noqa: S608 - names of ours


class Exchanged(NamedTuple):
    """What became of one table. `kept` rows come from deliveries that are not archived, or not
    intact, or hold an answer that is not recorded.
    """

    new: int = 0
    changed: int = 0
    removed: int = 0
    kept: int = 0


async def exchange(
    engine: AsyncEngine, scratch: str, catch_up: CatchUp
) -> tuple[str | None, dict[str, Exchanged]]:
    """Puts right the rows whose keys the comparison kept; nothing is lost or doubled meanwhile.

    Returns:
        The schema with the rows as they were, or None when none gave way; and the counts by table.

    Raises:
        RebuildError: the locks were not to be had.
    """
    since = datetime.now(UTC) - RECENT
    await _find_unarchived(engine, scratch, since)
    try:
        async for attempt in stamina.retry_context(
            on=DatabaseUnavailableError, attempts=LOCK_ATTEMPTS, timeout=None, wait_max=5.0
        ):
            with attempt:
                return await _exchange(engine, scratch, since, catch_up)
    except DatabaseUnavailableError as error:
        raise RebuildError(
            f"The tables could not be had for the exchange ({error}): other sessions hold them. "
            "The live tables are as they were; run it again."
        ) from error
    raise AssertionError("the last attempt returns or raises")


async def _find_unarchived(engine: AsyncEngine, scratch: str, since: datetime) -> None:
    """Notes deliveries that dedupe has seen and the archive lacks, of those received before."""
    async with transaction(engine) as connection:
        await connection.execute(text(f"DROP TABLE IF EXISTS {scratch}.unarchived"))
        await connection.execute(
            text(f"CREATE UNLOGGED TABLE {scratch}.unarchived (delivery_id text PRIMARY KEY)")
        )
        await connection.execute(
            text(_UNARCHIVED.format(scratch=scratch, when="seen.received_at < :since")),
            {"since": since},
        )


async def _exchange(
    engine: AsyncEngine, scratch: str, since: datetime, catch_up: CatchUp
) -> tuple[str | None, dict[str, Exchanged]]:
    aside = f"hookline_before_{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
    async with transaction(engine) as connection:
        names = ", ".join(f"{SCHEMA}.{one.table.name}" for one in COMPARED)
        await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
        await connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))
        await connection.execute(text("SET LOCAL lock_timeout = 0"))
        # From here on nothing is written to the live tables. First what is not archived, then
        # what is: a delivery archived in between is in both, and its rows are left alone.
        await connection.execute(
            text(_UNARCHIVED.format(scratch=scratch, when="seen.received_at >= :since")),
            {"since": since},
        )
        await catch_up(since)
        await connection.execute(text(_DAMAGED.format(scratch=scratch)))
        await connection.execute(text(f"CREATE SCHEMA {aside}"))
        done = {one.table.name: await _apply(connection, scratch, aside, one) for one in COMPARED}
        gave_way = any(table.changed or table.removed for table in done.values())
        if not gave_way:
            await connection.execute(text(f"DROP SCHEMA {aside} CASCADE"))
    return aside if gave_way else None, done


async def _apply(connection: AsyncConnection, scratch: str, aside: str, one: Compared) -> Exchanged:
    names = [column.name for column in one.table.columns]
    parts = {
        "live": SCHEMA,
        "scratch": scratch,
        "aside": aside,
        "table": one.table.name,
        "d_is_live": one.same_key("d", "live"),
        "d_is_rebuilt": one.same_key("d", "rebuilt"),
        "no_rebuilt": one.absent("rebuilt"),
        "differ": one.any_differs("live", "rebuilt"),
        "assignments": ", ".join(f"{name} = rebuilt.{name}" for name in one.columns),
        "all_columns": ", ".join(names),
        "rebuilt_columns": ", ".join(f"rebuilt.{name}" for name in names),
        "from_unarchived": _from_unarchived(scratch, one),
        "reads": (one.reads or "").format(a="d"),
        "unrecorded": one.unrecorded("live"),
    }

    async def run(statement: str) -> int:
        return (await connection.execute(text(statement.format(**parts)))).rowcount

    kept = await run(_KEEP)
    await run(_ASIDE)
    removed = await run(_REMOVE)
    changed = await run(_CHANGE)
    added = await run(_ADD)
    if one.has_answers:
        await run(_TELL_AGAIN)
    return Exchanged(added, changed, removed, kept)


def _from_unarchived(scratch: str, one: Compared) -> str:
    """A condition: the live row holds something of a delivery that is not archived."""
    if "delivery_id" not in one.table.c:
        return "false"
    noted = f"SELECT delivery_id FROM {scratch}.unarchived"  # noqa: S608
    head = f"live.delivery_id::text IN ({noted})"
    if not one.has_contents:
        return head
    return (
        f"{head} OR EXISTS (SELECT FROM jsonb_path_query(live.contents, '$[*].delivery_id') AS id "
        f"WHERE id #>> '{{}}' IN ({noted}))"
    )
