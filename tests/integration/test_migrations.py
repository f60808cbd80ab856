"""Migrations on a real PostgreSQL: where they lead, back again, and what gets in their way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from functools import partial
from itertools import pairwise

import pytest
from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from migrations.apply import alembic_config, differences, migrate, open_connection
from runtime.database import dispose, new_engine, require_revision, transaction
from runtime.errors import (
    DatabaseUnavailableError,
    DependencyError,
    RetryError,
    SchemaBehindError,
    StopError,
)
from schemas.settings import MigrateSettings
from schemas.tables import REVISION, SCHEMA, metadata

# Everything that a migration can make in our schemas, as PostgreSQL itself describes it.
SNAPSHOT = """
WITH relations AS (
    SELECT pg_class.oid, relname, relkind, nspname || '.' || relname AS name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname IN ('hookline', 'analytics') AND relname NOT LIKE 'alembic_version%'
)
SELECT name || ' ' || relkind::text || ' ' || coalesce(pg_get_partkeydef(oid), '')
FROM relations
UNION ALL
SELECT concat_ws(' ', name, attname, format_type(atttypid, atttypmod), attnum,
    CASE WHEN attnotnull THEN 'NOT NULL' END, pg_get_expr(adbin, adrelid))
FROM relations
JOIN pg_attribute ON attrelid = relations.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = relations.oid AND adnum = attnum
UNION ALL
SELECT concat_ws(' ', name, conname, pg_get_constraintdef(pg_constraint.oid))
FROM relations JOIN pg_constraint ON conrelid = relations.oid
UNION ALL
SELECT pg_get_indexdef(oid) FROM relations WHERE relkind IN ('i', 'I')
UNION ALL
SELECT name || ' ' || pg_get_viewdef(oid) FROM relations WHERE relkind = 'v'
ORDER BY 1
"""


def _settings(database_url: str, **changes: object) -> MigrateSettings:
    return MigrateSettings.model_validate({"database_url": database_url, **changes})


def _to(connection: Connection, revision: str) -> None:
    """Takes a database up or down to a revision."""
    config = alembic_config()
    config.attributes["connection"] = connection
    present = MigrationContext.configure(
        connection, opts={"version_table_schema": SCHEMA}
    ).get_current_revision()
    connection.commit()
    up = revision != "base" and revision >= (present or "")
    (command.upgrade if up else command.downgrade)(config, revision)


async def _move(database_url: str, revision: str) -> None:
    async with open_connection(_settings(database_url)) as connection:
        await connection.run_sync(_to, revision)
        await connection.commit()


async def _snapshot(engine: AsyncEngine) -> list[str]:
    async with transaction(engine) as connection:
        return list(await connection.scalars(text(SNAPSHOT)))


@pytest.fixture
async def empty_engine(empty_database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the database in which nothing is migrated."""
    opened = new_engine(_settings(empty_database_url), "test")
    yield opened
    await dispose(opened)


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config())


def _revisions() -> list[str]:
    return [script.revision for script in reversed(list(_script().walk_revisions()))]


def test_one_head_and_it_is_the_revision_that_workers_need() -> None:
    """Two heads would leave the order to chance."""
    assert _script().get_heads() == [REVISION]


def test_revisions_are_numbered_without_gaps() -> None:
    """Workers compare them as text: a database of a newer release counts as beyond."""
    revisions = _revisions()
    assert revisions == [f"{number:04d}" for number in range(1, len(revisions) + 1)]


async def test_a_migrated_database_equals_the_models(engine: AsyncEngine) -> None:
    """Tables, columns, types, defaults and indexes; primary keys and partitioning as well."""

    def primary_keys(connection: Connection) -> dict[str, object]:
        inspector = inspect(connection)
        keys = {
            table.name: inspector.get_pk_constraint(table.name, schema=SCHEMA)
            for table in metadata.tables.values()
        }
        return {name: (key["name"], key["constrained_columns"]) for name, key in keys.items()}

    async with transaction(engine) as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.run_sync(primary_keys) == {
            table.name: (f"pk_{table.name}", [column.name for column in table.primary_key])
            for table in metadata.tables.values()
        }
        partitioned = await connection.execute(
            text("SELECT relname, pg_get_partkeydef(oid) FROM pg_class WHERE relkind = 'p'")
        )
        assert {tuple(row) for row in partitioned} == {
            ("deliveries", "RANGE (received_at)"),
            ("sightings", "RANGE (received_at)"),
        }


async def test_alembic_would_notice_a_difference(engine: AsyncEngine) -> None:
    """The comparison sees our schema: an empty answer is not one that looked elsewhere."""
    async with transaction(engine) as connection:
        await connection.execute(text("ALTER TABLE hookline.claims ADD COLUMN more text"))
        await connection.execute(text("ALTER TABLE hookline.comments ALTER text SET NOT NULL"))
        await connection.execute(
            text("DROP INDEX hookline.ix_mentions_account_id_first_received_at")
        )
        found = await connection.run_sync(differences)
    assert len(found) == 3


async def test_down_to_nothing_and_up_again(database_url: str, engine: AsyncEngine) -> None:
    """The way back leaves nothing behind, and the way up leads to the same schema."""
    await migrate(_settings(database_url))
    before = await _snapshot(engine)
    assert len(before) > 100
    await _move(database_url, "base")
    assert await _snapshot(engine) == []
    await migrate(_settings(database_url))
    assert await _snapshot(engine) == before


@pytest.mark.parametrize("revision", _revisions())
async def test_each_revision_takes_back_what_it_did(
    empty_database_url: str, empty_engine: AsyncEngine, revision: str
) -> None:
    """One step down from it is the schema that it was made on."""
    before = f"{int(revision) - 1:04d}" if revision > "0001" else "base"
    if before != "base":
        await _move(empty_database_url, before)
    under = await _snapshot(empty_engine)
    await _move(empty_database_url, revision)
    assert await _snapshot(empty_engine) != under
    await _move(empty_database_url, before)
    assert await _snapshot(empty_engine) == under


async def test_rights_on_views_survive_a_new_revision(
    empty_database_url: str, empty_engine: AsyncEngine
) -> None:
    """Analysts' roles may read after an upgrade what they could read before."""
    granted = text(
        "SELECT count(*) FROM information_schema.role_table_grants "
        "WHERE table_schema = 'analytics' AND grantee = 'PUBLIC'"
    )
    await _move(empty_database_url, "0002")
    async with transaction(empty_engine) as connection:
        await connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO PUBLIC"))
        before = await connection.scalar(granted)
    await migrate(_settings(empty_database_url))
    async with transaction(empty_engine) as connection:
        assert before == await connection.scalar(granted) == 6


async def test_two_at_once_both_succeed(empty_database_url: str, empty_engine: AsyncEngine) -> None:
    """Replicas of a release start together: one migrates, the others wait for it."""
    await asyncio.gather(*(migrate(_settings(empty_database_url)) for _ in range(3)))
    await require_revision(empty_engine)


async def test_a_lock_that_others_hold_ends_in_a_clear_error(
    empty_database_url: str, empty_engine: AsyncEngine
) -> None:
    """It says that another try may succeed; it does not hang, and nothing is half done."""
    await _move(empty_database_url, "0002")
    before = await _snapshot(empty_engine)
    async with transaction(empty_engine) as connection:
        await connection.execute(text("LOCK TABLE hookline.comments"))
        async with asyncio.timeout(10):
            with pytest.raises(DatabaseUnavailableError, match="migrate again") as caught:
                await migrate(_settings(empty_database_url, migrate_lock_timeout_s=0.2))
    assert isinstance(caught.value, RetryError)
    assert "55P03" in str(caught.value)
    assert await _snapshot(empty_engine) == before
    await migrate(_settings(empty_database_url))
    await require_revision(empty_engine)


async def test_a_revision_that_fails_is_told_without_data(
    empty_database_url: str, empty_engine: AsyncEngine
) -> None:
    """The database stays at the revision before, and the next try goes on from there."""
    await _move(empty_database_url, "0002")
    async with transaction(empty_engine) as connection:
        await connection.execute(text("CREATE VIEW analytics.outcomes AS SELECT 'private' AS word"))
    with pytest.raises(StopError, match=r"^A migration failed: \w+, sqlstate 42P07\.$"):
        await migrate(_settings(empty_database_url))
    with pytest.raises(SchemaBehindError, match="0002"):
        await require_revision(empty_engine)
    async with transaction(empty_engine) as connection:
        await connection.execute(text("DROP VIEW analytics.outcomes"))
    await migrate(_settings(empty_database_url))
    await require_revision(empty_engine)


async def test_workers_refuse_a_database_that_is_behind(
    empty_database_url: str, empty_engine: AsyncEngine
) -> None:
    """They tell both revisions and the way out, and accept what is newer."""
    with pytest.raises(
        SchemaBehindError, match=f"none and must be at {REVISION}.*hookline migrate"
    ):
        await require_revision(empty_engine)
    await _move(empty_database_url, "0001")
    with pytest.raises(SchemaBehindError, match=f"0001 and must be at {REVISION}"):
        await require_revision(empty_engine)
    await migrate(_settings(empty_database_url))
    await require_revision(empty_engine)
    await require_revision(empty_engine, needed="0001")


@pytest.mark.parametrize("wrong", ["port", "password", "database"])
async def test_an_unreachable_database_is_told_without_secrets(
    database_url: str, wrong: str
) -> None:
    """By `migrate` and by workers alike: neither password, nor user, nor name of the database."""
    url = make_url(database_url)
    changed = {
        "port": url.set(port=1, username="someone", password="s3cret"),
        "password": url.set(password="s3cret"),
        "database": url.set(database="nowhere"),
    }[wrong]
    settings = _settings(changed.render_as_string(hide_password=False))
    engine = new_engine(settings, "test")
    for attempt in (partial(migrate, settings), partial(require_revision, engine)):
        with pytest.raises(DependencyError, match="Does it run") as caught:
            await attempt()
        assert not isinstance(caught.value, SchemaBehindError)
        for word in (changed.password, changed.username, changed.database):
            assert word
            assert word not in str(caught.value)
    await dispose(engine)


def _months(count: int) -> list[date]:
    """First days: of this month, and of so many after it."""
    first = datetime.now(UTC).date().replace(day=1)
    return [
        date(first.year + (first.month - 1 + ahead) // 12, (first.month - 1 + ahead) % 12 + 1, 1)
        for ahead in range(count + 1)
    ]


async def _partitions(engine: AsyncEngine) -> dict[str, str]:
    """Names and bounds of the partitions that there are."""
    async with transaction(engine) as connection:
        rows = await connection.execute(
            text(
                "SELECT relname, pg_get_expr(relpartbound, oid) AS bound FROM pg_class "
                "WHERE relispartition AND relkind = 'r'"
            )
        )
        return {row.relname: row.bound for row in rows}


async def test_partitions_of_this_month_and_of_those_ahead(
    database_url: str, engine: AsyncEngine
) -> None:
    """One a month and table, from midnight to midnight UTC, and one for what falls outside."""
    await migrate(_settings(database_url, partition_months_ahead=14))
    months = _months(15)
    expected = {
        f"{table}_{month:%Y_%m}": f"FOR VALUES FROM ('{month} 00:00:00+00') "
        f"TO ('{following} 00:00:00+00')"
        for table in ("deliveries", "sightings")
        for month, following in pairwise(months)
    }
    default = {"deliveries_default": "DEFAULT", "sightings_default": "DEFAULT"}
    assert await _partitions(engine) == expected | default


async def test_partitions_that_are_missing_are_made_again(
    database_url: str, engine: AsyncEngine
) -> None:
    """Those that are there stay as they are, with their rows."""
    await migrate(_settings(database_url))
    before = await _partitions(engine)
    this_month, *_, last = _months(3)
    async with transaction(engine) as connection:
        await connection.execute(text(f"DROP TABLE hookline.sightings_{last:%Y_%m}"))
        await connection.execute(
            text(
                "INSERT INTO hookline.sightings VALUES "
                "(now(), gen_random_uuid(), '0.changes.0', 'e', 'c', NULL, 'first')"
            )
        )
    assert await _partitions(engine) != before
    await migrate(_settings(database_url))
    await migrate(_settings(database_url))
    assert await _partitions(engine) == before
    async with transaction(engine) as connection:
        count = text(f"SELECT count(*) FROM hookline.sightings_{this_month:%Y_%m}")
        assert await connection.scalar(count) == 1
