"""The tables that a replay works on: the live ones, or a copy of the rows that it would touch.

A dry run is done by the same handlers, on temporary tables that have the live ones' columns, keys
and constraints. Each batch first brings along the live rows that it needs, unless an earlier one
has. The session is read-only then: PostgreSQL itself refuses to write anything but what is
temporary. No live row is locked, and later batches find what earlier ones would have written.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.replay.told import WRITTEN, RowKey, States, Tally, Told, Written, tally
from runtime.database import BulkStatement, column_types, transaction
from schemas.tables import SCHEMA, graph_reads, metadata

TEMPORARY = "pg_temp"

EMPTY: Final = {"refresh": (graph_reads.name,)}
"""What is looked at, and of which nothing counts that was there before: answers, to what is asked
again."""


class Ground:
    """The tables of a stage, live or copied."""

    def __init__(self, effect: str, *, is_copy: bool) -> None:
        self.effect = effect
        self._tables = WRITTEN[effect]
        self._is_copy = is_copy

    async def prepare(self, held: AsyncEngine) -> None:
        """Makes the temporary tables, and has the session write nothing else."""
        if not self._is_copy:
            return
        async with transaction(held) as connection:
            for name in (*(table.name for table in self._tables), *EMPTY.get(self.effect, ())):
                await connection.execute(
                    text(f"CREATE TEMPORARY TABLE {name} (LIKE {SCHEMA}.{name} INCLUDING ALL)")
                )
            await connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))

    async def states(
        self, connection: AsyncConnection, told: Iterable[Told]
    ) -> Mapping[str, States]:
        """The rows that are told of, as they are."""
        keys: defaultdict[str, set[RowKey]] = defaultdict(set)
        for one in told:
            keys[one.table].add(one.key)
        found: dict[str, States] = {}
        for table in self._tables:
            wanted = sorted(keys[table.name])
            if wanted and self._is_copy:
                await _bring(connection, table, wanted)
            found[table.name] = await _states(connection, table, wanted) if wanted else {}
        return found

    def tallies(
        self,
        told: Sequence[Told],
        before: Mapping[str, States],
        after: Mapping[str, States],
    ) -> dict[str, Tally]:
        """What became of the rows, by table."""
        return {
            table.name: tally(
                table,
                (one for one in told if one.table == table.name),
                before[table.name],
                after[table.name],
            )
            for table in self._tables
        }


async def _bring(connection: AsyncConnection, table: Written, keys: Sequence[RowKey]) -> None:
    needs = table.needs or table.key
    places = [table.key.index(name) for name in needs]
    wanted = sorted({tuple(key[place] for place in places) for key in keys})
    await _bringing(table).execute(connection, wanted)


async def _states(connection: AsyncConnection, table: Written, keys: Sequence[RowKey]) -> States:
    rows = await _looking(table).fetch(connection, keys)
    size = len(table.key)
    return {tuple(row[:size]): row[size] for row in rows}


@cache
def _bringing(table: Written) -> BulkStatement:
    needs = table.needs or table.key
    return BulkStatement(
        column_types(metadata.tables[f"{SCHEMA}.{table.name}"], needs),
        f"INSERT INTO {{schema}}.{table.name} SELECT live.* "  # noqa: S608
        f"FROM {SCHEMA}.{table.name} AS live JOIN {{rows}} "
        f"ON {' AND '.join(f'live.{name} = rows.{name}' for name in needs)} "
        "ON CONFLICT DO NOTHING",
    )


@cache
def _looking(table: Written) -> BulkStatement:
    columns = metadata.tables[f"{SCHEMA}.{table.name}"]
    types = column_types(columns, table.key)
    keys = ", ".join(
        f"t.{name}::text" if types[name] == "UUID" else f"t.{name}" for name in table.key
    )
    return BulkStatement(
        types,
        f"SELECT {keys}, {table.state} FROM {{schema}}.{table.name} AS t "  # noqa: S608
        f"JOIN {{rows}} ON {' AND '.join(f't.{name} = rows.{name}' for name in table.key)}",
    )
