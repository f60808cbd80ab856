"""Claims and sightings in PostgreSQL. Owns the races between replicas.

Two statements claim, for in READ COMMITTED a single one with a CTE misses rows that were
committed while it waited: an INSERT that skips what is taken, then a SELECT of all.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from runtime.database import BulkStatement, column_types
from schemas.events import Verdict
from schemas.identity import ClaimKey
from schemas.splitting import Position
from schemas.tables import claims, sightings
from workers.dedupe.sighting import Claim, ContentId, Sighting

_CLAIM_COLUMNS: Final = ("event_id", "content_hash", "delivery_id", "position", "received_at")
_CLAIM_TYPES: Final = column_types(claims, _CLAIM_COLUMNS)

_INSERT: Final = BulkStatement(
    _CLAIM_TYPES,
    f"INSERT INTO {{schema}}.{claims.name} ({', '.join(_CLAIM_COLUMNS)}) "  # noqa: S608
    "SELECT * FROM {rows} ON CONFLICT DO NOTHING",
)

# What differs from the claims wanted: contents that were claimed before, and other contents of
# the same events, for an amendment is one beside others. Most batches meet none.
_SELECT: Final = BulkStatement(
    {name: _CLAIM_TYPES[name] for name in _CLAIM_COLUMNS[:4]},
    "SELECT claims.event_id, claims.content_hash, claims.received_at, "  # noqa: S608
    f"claims.delivery_id, claims.position FROM {{schema}}.{claims.name} AS claims JOIN {{rows}} "
    "ON claims.event_id = rows.event_id WHERE NOT (claims.content_hash = rows.content_hash "
    "AND claims.delivery_id = rows.delivery_id AND claims.position = rows.position)",
)

_LOCK: Final = BulkStatement(
    {"event_id": "text", "content_hash": "text"},
    "SELECT event_id, content_hash, received_at, delivery_id, position "  # noqa: S608
    f"FROM {{schema}}.{claims.name} WHERE (event_id, content_hash) IN (SELECT * FROM {{rows}}) "
    "ORDER BY event_id, content_hash FOR UPDATE",
)

_LOWER: Final = BulkStatement(
    _CLAIM_TYPES,
    f"UPDATE {{schema}}.{claims.name} AS claims SET delivery_id = rows.delivery_id, "  # noqa: S608
    "position = rows.position, received_at = rows.received_at FROM {rows} "
    "WHERE claims.event_id = rows.event_id AND claims.content_hash = rows.content_hash",
)

_SIGHTING_COLUMNS: Final = (
    "received_at",
    "delivery_id",
    "position",
    "event_id",
    "content_hash",
    "sent_at",
    "verdict",
)

_SIGHT: Final = BulkStatement(
    column_types(sightings, _SIGHTING_COLUMNS),
    f"INSERT INTO {{schema}}.{sightings.name} ({', '.join(_SIGHTING_COLUMNS)}) "  # noqa: S608
    "SELECT * FROM {rows} ON CONFLICT DO NOTHING",
)


async def claim(connection: AsyncConnection, wanted: Sequence[Claim]) -> dict[ContentId, ClaimKey]:
    """Claims what nobody has claimed; gives the claims on all contents of the events wanted."""
    # In one order everywhere, so that replicas never wait for each other in a circle.
    rows = [_claim_row(one) for one in sorted(wanted)]
    await _INSERT.execute(connection, rows)
    found = _read(await _SELECT.fetch(connection, [row[:4] for row in rows]))
    return dict(wanted) | found


async def lower_claims(
    connection: AsyncConnection, wanted: Sequence[Claim]
) -> dict[ContentId, ClaimKey]:
    """Lowers these claims, unless another replica lowered them further; gives them as they are."""
    locked = _read(await _LOCK.fetch(connection, [one.content_id for one in wanted]))
    lower = [one for one in wanted if one.key < locked[one.content_id]]
    if lower:
        await _LOWER.execute(connection, [_claim_row(one) for one in lower])
    return locked | dict(lower)


async def insert_sightings(
    connection: AsyncConnection, seen: Sequence[Sighting], verdicts: Sequence[Verdict]
) -> None:
    """A row for each sighting; the one that is there already keeps its verdict."""
    rows = [
        (
            sighting.key.received_at,
            sighting.key.delivery_id,
            str(sighting.key.position),
            sighting.identity.event_id,
            sighting.identity.content_hash,
            sighting.change.sent_at,
            verdict,
        )
        for sighting, verdict in zip(seen, verdicts, strict=True)
    ]
    await _SIGHT.execute(connection, rows)


def _claim_row(one: Claim) -> tuple[Any, ...]:
    key = one.key
    return (*one.content_id, key.delivery_id, str(key.position), key.received_at)


def _read(rows: Iterable[Any]) -> dict[ContentId, ClaimKey]:
    return {
        ContentId(event_id, content_hash): ClaimKey(
            received_at, str(delivery_id), Position.parse(position)
        )
        for event_id, content_hash, received_at, delivery_id, position in rows
    }
