"""Looks at PostgreSQL: revision, partitions, size and clock, then what stages left and received."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.dead_letters.breaker import open_breakers
from hookline.doctor.checks.database import REVISION, ROOT
from hookline.doctor.facts import Breaker, Database, Deliveries, Gap, Stages
from hookline.doctor.finding import Unseen
from hookline.doctor.meta import Clock
from runtime.database import transaction
from runtime.errors import HooklineError
from schemas.identity import ABSENT, DASHBOARD_ACCOUNT, account_of
from schemas.splitting import CHANGED_FIELDS, Position
from schemas.tables import PARTITIONED, SCHEMA
from schemas.tables import REVISION as NEEDED
from workers.watchdog import store

LATEST: Final = 1000
"""So many of the latest changes are looked at."""

_REVISION: Final = text(f"SELECT max(version_num) FROM {SCHEMA}.alembic_version")  # noqa: S608

_IS_MIGRATED: Final = text("SELECT to_regclass(:name) IS NOT NULL")

_PARTITIONS: Final = text("""
SELECT parent.relname AS of, child.relname AS name
FROM pg_inherits
JOIN pg_class AS parent ON parent.oid = inhparent
JOIN pg_class AS child ON child.oid = inhrelid
JOIN pg_namespace AS n ON n.oid = parent.relnamespace
WHERE n.nspname = :schema AND parent.relname = ANY(:tables)
""")

_GAPS: Final = text(
    "SELECT consumer_group, topic, count(*) AS ranges, max(detected_at) AS latest_at "  # noqa: S608
    f"FROM {SCHEMA}.gaps GROUP BY 1, 2 ORDER BY 1, 2"
)

_PARKED: Final = text(
    f"SELECT stage, count(*) FROM {SCHEMA}.dead_letters "  # noqa: S608
    "WHERE state = 'parked' GROUP BY 1"
)

_UNKNOWN_REPLIES: Final = text(
    f"SELECT count(*) FROM {SCHEMA}.replies WHERE state = 'unknown'"  # noqa: S608
)

_CHANGES: Final = text(
    f"SELECT event_id, position, received_at FROM {SCHEMA}.sightings "  # noqa: S608
    "ORDER BY received_at DESC LIMIT :limit"
)

# Each of these has an index that begins with the account.
_BY_ACCOUNT: Final = text(
    "SELECT account_id, greatest("  # noqa: S608
    f"(SELECT max(first_received_at) FROM {SCHEMA}.comments AS c "
    "WHERE c.account_id = a.account_id), "
    f"(SELECT max(first_received_at) FROM {SCHEMA}.mentions AS m "
    "WHERE m.account_id = a.account_id)) AS latest_at "
    f"FROM {SCHEMA}.accounts AS a WHERE state <> 'removed'"
)

_TEST: Final = text(
    f"SELECT max(received_at) FROM {SCHEMA}.other_events "  # noqa: S608
    "WHERE is_test AND platform_field = ANY(:fields)"
)

_TESTED: Final = ["comments", "live_comments", "mentions", "story_insights"]


async def look(engine: AsyncEngine, clock: Callable[[], datetime]) -> Database | Unseen:
    """The server and the set-up of the database."""
    try:
        async with transaction(engine) as connection:
            return await _database(connection, clock)
    except HooklineError as error:
        return Unseen(f"PostgreSQL cannot be used ({error})", ROOT)


async def _database(connection: AsyncConnection, clock: Callable[[], datetime]) -> Database:
    asked_at = clock()
    told: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    answered_at = clock()
    half = (answered_at - asked_at) / 2
    name = f"{SCHEMA}.alembic_version"
    is_migrated = await connection.scalar(_IS_MIGRATED, {"name": name})
    revision = await connection.scalar(_REVISION) if is_migrated else None
    size = await connection.scalar(text("SELECT pg_database_size(current_database())"))
    tables = {"schema": SCHEMA, "tables": list(PARTITIONED)}
    partitions = (await connection.execute(_PARTITIONS, tables)).all()
    defaults = [row.name for row in partitions if row.name.endswith("_default")]
    strays = [
        name.removesuffix("_default")
        for name in defaults
        if await connection.scalar(text(f"SELECT EXISTS (SELECT FROM {SCHEMA}.{name})"))  # noqa: S608
    ]
    return Database(
        revision,
        NEEDED,
        months_of([(row.of, row.name) for row in partitions]),
        tuple(strays),
        int(size or 0),
        Clock(told - asked_at - half, half),
    )


def months_of(partitions: list[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """The months of each partitioned table, from the names of its partitions. Pure."""
    return {
        table: frozenset(
            name.removeprefix(f"{table}_")
            for of, name in partitions
            if of == table and not name.endswith("_default")
        )
        for table in sorted({of for of, _ in partitions})
    }


async def look_at_stages(engine: AsyncEngine) -> Stages | Unseen:
    """What stages left for a person."""
    try:
        breakers = await open_breakers(engine)
        async with transaction(engine) as connection:
            gaps = (await connection.execute(_GAPS)).all()
            parked = {row[0]: row[1] for row in await connection.execute(_PARKED)}
            unknown = await connection.scalar(_UNKNOWN_REPLIES)
    except HooklineError as error:
        return unreadable(error)
    return Stages(
        tuple(Breaker(one.stage, one.reason, one.opened_at) for one in breakers),
        tuple(Gap(*row) for row in gaps),
        parked,
        int(unknown or 0),
    )


async def look_at_deliveries(engine: AsyncEngine, interval: timedelta) -> Deliveries | Unseen:
    """What arrived, and what the watchdog says of it."""
    try:
        latest = await store.latest(engine)
        standings = await store.standings(engine)
        async with transaction(engine) as connection:
            changes = (await connection.execute(_CHANGES, {"limit": LATEST})).all()
            by_account = (await connection.execute(_BY_ACCOUNT)).all()
            test_at = await connection.scalar(_TEST, {"fields": _TESTED})
    except HooklineError as error:
        return unreadable(error)
    arrived = arrived_of((row.event_id, row.position, row.received_at) for row in changes)
    seen = dict(arrived.by_account)
    for row in by_account:
        if row.latest_at is not None:
            seen[row.account_id] = max(row.latest_at, seen.get(row.account_id, row.latest_at))
    return Deliveries(
        latest.archived_at,
        latest.seen_at,
        max(seen.values(), default=None),
        arrived.valued_at,
        test_at,
        arrived.bare_at,
        seen,
        tuple(standings.values()),
        interval,
    )


class Arrived(NamedTuple):
    """When the latest changes came: with their values, without, and for each account."""

    valued_at: datetime | None
    bare_at: datetime | None
    by_account: dict[str, datetime]


def arrived_of(changes: Iterable[tuple[str, str, datetime]]) -> Arrived:
    """What the latest changes tell: event id, position and receipt, the newest first. Pure."""
    latest: dict[bool, datetime] = {}
    by_account: dict[str, datetime] = {}
    for event_id, position, received_at in changes:
        account_id = account_of(event_id)
        if account_id not in (DASHBOARD_ACCOUNT, ABSENT):
            by_account.setdefault(account_id, received_at)
        latest.setdefault(Position.parse(position).list_name == CHANGED_FIELDS, received_at)
    return Arrived(latest.get(False), latest.get(True), by_account)


def unreadable(error: HooklineError) -> Unseen:
    """Why tables cannot be read: away, or not as this release has them."""
    is_retry = getattr(error, "reason", "") == "database_unavailable"
    return Unseen(f"tables cannot be read ({error})", ROOT if is_retry else REVISION)
