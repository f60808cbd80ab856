"""Live tables against rebuilt ones: checksums first, keys only where they differ.

Each table is read once on each side and gives a count and a sum of row hashes a bucket. Rows are
looked into only in buckets that differ; what is kept of them is their keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.rebuild.compared import COMPARED, Compared
from runtime.database import transaction
from schemas.tables import SCHEMA

Kind = Literal["missing", "extra", "different"]

_SUMS: Final = """
SELECT bucket, count(*), sum(hash) FROM (
    SELECT {bucket} AS bucket, {hash} AS hash FROM {schema}.{table} AS a WHERE {settled}
) AS hashed GROUP BY bucket
"""

_DRILL: Final = """
INSERT INTO {scratch}.differing_{table} ({keys})
SELECT {keys} FROM
    (SELECT * FROM {live}.{table} AS a WHERE {settled} AND {bucket} = ANY(:buckets)) AS live
    FULL JOIN
    (SELECT * FROM {scratch}.{table} AS a WHERE {settled} AND {bucket} = ANY(:buckets)) AS rebuilt
    USING ({keys})
WHERE {no_live} OR {no_rebuilt} OR {differ}
"""

# Each side as it was compared: a row that is not settled is not there.
_DIFFERENCES: Final = """
SELECT {keys},
    CASE WHEN {no_live} THEN 'missing' WHEN {no_rebuilt} THEN 'extra' ELSE 'different' END,
    array_remove(ARRAY[{columns}], NULL)
FROM {scratch}.differing_{table} AS d
LEFT JOIN LATERAL (
    SELECT * FROM {live}.{table} AS a WHERE {a_is_d} AND {settled}
) AS live ON true
LEFT JOIN LATERAL (
    SELECT * FROM {scratch}.{table} AS a WHERE {a_is_d} AND {settled}
) AS rebuilt ON true
ORDER BY {keys}
LIMIT :limit
"""


class Sums(NamedTuple):
    """Rows and the sum of their hashes."""

    rows: int
    total: int

    @property
    def checksum(self) -> str:
        """16 hex digits; the same for the same rows in any order."""
        return f"{self.total % 2**64:016x}"


class Difference(NamedTuple):
    """One row that is not alike. `columns` names those that differ; no value is ever told."""

    table: str
    kind: Kind
    key: dict[str, str]
    columns: list[str]


@dataclass(frozen=True)
class TableComparison:
    """One table on both sides. `differing` counts the keys that are not alike."""

    table: str
    live: Sums
    rebuilt: Sums
    differing: int

    @property
    def equal(self) -> bool:
        """Whether both sides hold the same rows."""
        return self.differing == 0 and self.live == self.rebuilt


@dataclass(frozen=True)
class Comparison:
    """All tables, and the first differences of them."""

    tables: Sequence[TableComparison]
    differences: Sequence[Difference]

    @property
    def equal(self) -> bool:
        """Whether every table is."""
        return all(table.equal for table in self.tables)

    @property
    def differing(self) -> int:
        """Rows that are not alike, in all tables."""
        return sum(table.differing for table in self.tables)


def total(buckets: dict[int, Sums]) -> Sums:
    """What buckets add up to."""
    return Sums(
        sum(bucket.rows for bucket in buckets.values()),
        sum(bucket.total for bucket in buckets.values()),
    )


def differing_buckets(live: dict[int, Sums], rebuilt: dict[int, Sums]) -> list[int]:
    """The buckets that one side does not have as the other does."""
    return sorted(b for b in live.keys() | rebuilt.keys() if live.get(b) != rebuilt.get(b))


async def compare(
    engine: AsyncEngine, scratch: str, *, cut: datetime | None, limit: int
) -> Comparison:
    """Compares all tables as they are at one moment, and keeps the keys that are not alike.

    Args:
        engine: of the database.
        scratch: the schema with the rebuilt tables.
        cut: rows that were changed since are left out; None compares all.
        limit: how many differences to name.
    """
    tables: list[TableComparison] = []
    differences: list[Difference] = []
    async with transaction(engine) as connection:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        await connection.execute(text("SET LOCAL extra_float_digits = 1"))
        for one in COMPARED:
            found = await _compare(connection, scratch, one, cut)
            tables.append(found)
            left = limit - len(differences)
            if found.differing and left:
                differences += await _differences(connection, scratch, one, cut, left)
    return Comparison(tables, differences)


async def _compare(
    connection: AsyncConnection, scratch: str, one: Compared, cut: datetime | None
) -> TableComparison:
    live = await _sums(connection, SCHEMA, one, cut)
    rebuilt = await _sums(connection, scratch, one, cut)
    name = f"{scratch}.differing_{one.table.name}"
    await connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
    await connection.execute(
        text(
            f"CREATE UNLOGGED TABLE {name} AS SELECT {', '.join(one.key)} "  # noqa: S608
            f"FROM {SCHEMA}.{one.table.name} WITH NO DATA"
        )
    )
    differing = 0
    if buckets := differing_buckets(live, rebuilt):
        statement = _DRILL.format(
            scratch=scratch,
            live=SCHEMA,
            table=one.table.name,
            keys=", ".join(one.key),
            bucket=one.bucket("a"),
            settled=one.settled("a", cut=cut is not None),
            no_live=one.absent("live"),
            no_rebuilt=one.absent("rebuilt"),
            differ=one.any_differs("live", "rebuilt"),
        )
        parameters = {"buckets": buckets} | _cut(cut)
        differing = (await connection.execute(text(statement), parameters)).rowcount
        await connection.execute(text(f"ANALYZE {name}"))
    return TableComparison(one.table.name, total(live), total(rebuilt), differing)


async def _sums(
    connection: AsyncConnection, schema: str, one: Compared, cut: datetime | None
) -> dict[int, Sums]:
    statement = _SUMS.format(
        schema=schema,
        table=one.table.name,
        bucket=one.bucket("a"),
        hash=one.hash("a"),
        settled=one.settled("a", cut=cut is not None),
    )
    rows = await connection.execute(text(statement), _cut(cut))
    return {bucket: Sums(count, int(hashes)) for bucket, count, hashes in rows}


async def _differences(
    connection: AsyncConnection, scratch: str, one: Compared, cut: datetime | None, limit: int
) -> list[Difference]:
    named = (
        f"CASE WHEN NOT {one.absent('live')} AND NOT {one.absent('rebuilt')} "
        f"AND {one.differ('live', 'rebuilt', name)} THEN '{name}' END"
        for name in one.columns
    )
    statement = _DIFFERENCES.format(
        scratch=scratch,
        live=SCHEMA,
        table=one.table.name,
        keys=one.keys("d"),
        columns=", ".join(named),
        no_live=one.absent("live"),
        no_rebuilt=one.absent("rebuilt"),
        a_is_d=one.same_key("a", "d"),
        settled=one.settled("a", cut=cut is not None),
    )
    rows = await connection.execute(text(statement), {"limit": limit} | _cut(cut))
    return [_difference(one, row) for row in rows]


def _difference(one: Compared, row: Sequence[Any]) -> Difference:
    key = {name: _text(value) for name, value in zip(one.key, row, strict=False)}
    kind, columns = row[len(one.key) :]
    return Difference(one.table.name, kind, key, list(columns))


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _cut(cut: datetime | None) -> dict[str, datetime]:
    return {} if cut is None else {"cut": cut}
