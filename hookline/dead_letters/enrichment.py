"""Which letters about enrichment are done with: enrich's, once the reads that its event asks for
are put down or answered; persist's, once their rows hold what was read.

The event that a read brings along has letters of its own.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from runtime.database import BulkStatement, column_types
from schemas.enriched import ANSWERED, Read, decode_enriched
from schemas.events import MalformedEventError, decode_event
from schemas.tables import enrichment_tasks, graph_reads, media
from workers.enrich.task import TaskKey
from workers.enrich.wanted import wanted_by
from workers.persist.graph import GRAPH_TARGETS

_SAME: Final = " AND ".join(f"known.{name} = rows.{name}" for name in TaskKey._fields)

_PUT_DOWN: Final = BulkStatement(
    column_types(enrichment_tasks, TaskKey._fields),
    f"SELECT rows.* FROM {{rows}} WHERE EXISTS ("  # noqa: S608 - names of ours
    f"SELECT FROM {{schema}}.{enrichment_tasks.name} AS known WHERE {_SAME}) OR EXISTS ("
    f"SELECT FROM {{schema}}.{graph_reads.name} AS known WHERE {_SAME} "
    "AND known.status <> 'pending')",
)

_KEYS: Final = {
    **{graph.target.table: tuple(graph.target.key) for graph in GRAPH_TARGETS},
    media: ("media_id",),
}
"""The tables that reads are merged into, with their keys."""


class Place(NamedTuple):
    """The row that a read is merged into."""

    table: Table
    key: tuple[str, ...]


async def put_down(connection: AsyncConnection, events: Mapping[str, bytes]) -> list[str]:
    """Those of the letters whose events ask for nothing that is not put down or answered."""
    asked = {
        letter: keys for letter, event in events.items() if (keys := asked_by(event)) is not None
    }
    wanted = sorted({key for keys in asked.values() for key in keys})
    found = {tuple(row) for row in await _PUT_DOWN.fetch(connection, wanted)} if wanted else set()
    return [letter for letter, keys in asked.items() if found.issuperset(keys)]


def asked_by(event: bytes) -> list[TaskKey] | None:
    """The reads that the record of an event asks for; None when it is no event. Pure."""
    try:
        decoded = decode_event(event)
    except MalformedEventError:
        return None
    return [TaskKey(decoded.account_id or "", *wanted) for wanted in wanted_by(decoded)]


async def merged(connection: AsyncConnection, records: Mapping[str, bytes]) -> list[str]:
    """Those of the letters whose reads are in their rows, or a read that counts for more is."""
    told = {letter: read for letter, record in records.items() if (read := told_by(record))}
    ranks = await _ranks(connection, {place for place, _ in told.values() if place})
    return [
        letter
        for letter, (place, read) in told.items()
        if place is None or (place in ranks and ranks[place] >= read.rank)
    ]


def told_by(record: bytes) -> tuple[Place | None, Read] | None:
    """The read in a record of an enriched topic, and the row it is merged into, if it tells
    anything of one; None when it is no such record. Pure.
    """
    try:
        enriched = decode_enriched(record)
    except MalformedEventError:
        return None
    return place_of(enriched.event.event_id, enriched.read), enriched.read


def place_of(event_id: str, read: Read) -> Place | None:
    """The row that a read is merged into; None when it tells nothing of any. Pure."""
    if read.endpoint == "media":
        return Place(media, (read.object_id,)) if read.status in ANSWERED else None
    for graph in GRAPH_TARGETS:
        key = graph.key(event_id, read)
        if key is not None:
            return Place(graph.target.table, key)
    return None


async def _ranks(
    connection: AsyncConnection, places: Iterable[Place]
) -> dict[Place, tuple[bool, datetime]]:
    """The rank of the read that each of these rows holds (see `Read.rank`)."""
    ranks: dict[Place, tuple[bool, datetime]] = {}
    for table in _KEYS:
        keys = sorted(place.key for place in places if place.table is table)
        for *key, is_answered, read_at in (
            await _rank(table).fetch(connection, keys) if keys else ()
        ):
            ranks[Place(table, tuple(key))] = (is_answered, read_at)
    return ranks


@cache
def _rank(table: Table) -> BulkStatement:
    key = ", ".join(_KEYS[table])
    answered = ", ".join(f"'{status}'" for status in ANSWERED)
    held = (
        "true, fetched_at" if table is media else f"enrichment_status IN ({answered}), enriched_at"
    )
    return BulkStatement(
        column_types(table, _KEYS[table]),
        f"SELECT {key}, {held} FROM {{rows}} "  # noqa: S608 - names of ours
        f"JOIN {{schema}}.{table.name} USING ({key})"
        + ("" if table is media else " WHERE enriched_at IS NOT NULL"),
    )
