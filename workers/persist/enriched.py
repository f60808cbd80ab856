"""Graph reads into rows, in bulk."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from runtime.database import BulkStatement, column_types
from schemas.enriched import ANSWERED
from schemas.tables import media
from workers.persist.graph import (
    GRAPH_TARGETS,
    GraphRow,
    GraphTarget,
    MediaRow,
    ToldRead,
    graph_rows,
    media_rows,
)

STATUS: Final = ("enrichment_status", "enrichment_reason", "enriched_at")
"""What becomes of a row's enrichment, beside the columns of its table."""

_ANSWERED: Final = ", ".join(f"'{status}'" for status in ANSWERED)

_MEDIA: Final = BulkStatement(
    column_types(media, MediaRow._fields),
    f"INSERT INTO {{schema}}.{media.name} AS known ({', '.join(MediaRow._fields)}) "  # noqa: S608
    "SELECT * FROM {rows} ON CONFLICT (media_id) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in MediaRow._fields[1:])} "
    "WHERE known.fetched_at < excluded.fetched_at",
)


async def merge_reads(connection: AsyncConnection, told: Sequence[ToldRead]) -> None:
    """Merges reads into the rows of their events, which must be there, and into `media`."""
    for target in GRAPH_TARGETS:
        rows = graph_rows(target, told)
        if rows:
            await _statement(target).execute(connection, [_values(target, row) for row in rows])
    media_told = media_rows(told)
    if media_told:
        await _MEDIA.execute(connection, media_told)


@cache
def _statement(graph: GraphTarget) -> BulkStatement:
    table, key = graph.target.table, graph.target.key
    written = (*graph.columns, *STATUS)
    return BulkStatement(
        column_types(table, (*key, *written)),
        f"UPDATE {{schema}}.{table.name} AS known "  # noqa: S608
        f"SET {', '.join(f'{name} = rows.{name}' for name in written)} FROM {{rows}} "
        f"WHERE {' AND '.join(f'known.{name} = rows.{name}' for name in key)} "
        f"AND (known.enriched_at IS NULL OR (known.enrichment_status IN ({_ANSWERED}), "
        f"known.enriched_at) < (rows.enrichment_status IN ({_ANSWERED}), rows.enriched_at))",
    )


def _values(graph: GraphTarget, row: GraphRow) -> tuple[Any, ...]:
    read = row.read
    told = graph.values(read.answer) if read.answer is not None else (None,) * len(graph.columns)
    return (*row.key, *told, read.status, read.reason, read.read_at)
