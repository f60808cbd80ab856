"""Records made of the archived deliveries, also past the retention of the topics.

A raw record is what ingest published. An event is what dedupe published of it: a change at its
claim's key. What dedupe called a repeat is none, and what it has not claimed is left to it.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.replay.batch import BATCH_BYTES, BATCH_RECORDS, Batch, Place
from hookline.replay.order import Order
from hookline.replay.selection import means_changes
from runtime.database import BulkStatement, transaction
from runtime.errors import RejectError
from runtime.worker import Record
from schemas.dead_letters import Source
from schemas.deliveries import Delivery, body_key, delivery_headers
from schemas.events import encode_event, format_time, parse_time
from schemas.identity import ClaimKey
from schemas.splitting import Position, fields_in
from schemas.tables import SCHEMA, claims, deliveries
from schemas.topics import events_topic, raw_topic
from workers.dedupe.sighting import ContentId, Sighting, sightings_in, verdicts

PAGE: Final = 1_000

NOWHERE: Final = -1
"""The partition of records that no topic holds: a dead letter of one says so."""

BEGINNING: Final[Place] = ["0001-01-01T00:00:00.000000Z", str(UUID(int=0))]

_BOUNDS: Final = f"""
FROM {SCHEMA}.{deliveries.name}
WHERE received_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
    AND received_at < :until AND fields && CAST(:fields AS text[])
"""

_COUNT: Final = f"SELECT count(*) {_BOUNDS}"

_KEYS: Final = f"""
SELECT received_at, delivery_id::text, octet_length(body),
    (SELECT coalesce(sum(value::bigint), 0)::bigint FROM jsonb_each_text(changes))
{_BOUNDS} AND (received_at, delivery_id) >= (CAST(:at AS timestamptz), CAST(:id AS uuid))
ORDER BY received_at, delivery_id LIMIT {PAGE + 1}
"""  # noqa: S608 - names of ours

_READ: Final = BulkStatement(
    {"received_at": "timestamptz", "delivery_id": "uuid"},
    "SELECT delivery_id::text, received_at, app_id, signature, source, body "  # noqa: S608
    f"FROM {{schema}}.{deliveries.name} JOIN {{rows}} USING (received_at, delivery_id) "
    "ORDER BY received_at, delivery_id",
)

_CLAIMS: Final = BulkStatement(
    {"event_id": "text"},
    "SELECT event_id, content_hash, received_at, delivery_id::text, position "  # noqa: S608
    f"FROM {{schema}}.{claims.name} JOIN {{rows}} USING (event_id)",
)


class Key(NamedTuple):
    """An archived delivery, with what it will weigh."""

    received_at: datetime
    delivery_id: str
    size_bytes: int
    changes: int

    @property
    def place(self) -> Place:
        """The place at which it is the next."""
        return [format_time(self.received_at), self.delivery_id]


class DeliverySource:
    """Records made of deliveries that were received before a moment."""

    def __init__(self, engine: AsyncEngine, order: Order, until: datetime, total: int) -> None:
        self._engine = engine
        self._order = order
        self._until = until
        self.total = total

    @property
    def beginning(self) -> Place:
        """Before the first delivery."""
        return BEGINNING

    def plan(self) -> dict[str, Any]:
        """The end, and how many there were."""
        return {"until": format_time(self._until), "total": self.total}

    async def batches(
        self, begin: Place, limit: int | None, cut_at: Place | None
    ) -> AsyncIterator[Batch]:
        """Everything from a place on, in the order of receipt."""
        left = limit
        end = [format_time(self._until), str(UUID(int=0))]
        async for chunk, after in self._chunks(begin, cut_at):
            read = await self._read(chunk)
            batch = await self._batch(read, left, begin, after or end)
            yield batch
            begin = batch.end
            if left is not None:
                left -= batch.selected
                if left <= 0:
                    return

    async def _chunks(
        self, begin: Place, cut_at: Place | None
    ) -> AsyncIterator[tuple[list[Key], Place | None]]:
        """Deliveries that are done together, with the place after them; None at the end."""
        held: list[Key] = []
        place: Place | None = begin
        while place is not None:
            keys = await self._keys(place)
            held += keys[:PAGE]
            place = keys[PAGE].place if len(keys) > PAGE else None
            pieces = list(cut(held, cut_at))
            # The last one may go on with the next page.
            for piece, following in pairwise(pieces):
                yield piece, following[0].place
            held = pieces[-1] if pieces else []
        if held:
            yield held, None

    async def _keys(self, begin: Place) -> list[Key]:
        """A page of deliveries, and the first of the next one."""
        given = {
            "since": self._order.since,
            "until": self._until,
            "fields": list(self._order.fields),
            "at": parse_time(begin[0]),
            "id": begin[1],
        }
        async with transaction(self._engine) as connection:
            return [Key(*row) for row in await connection.execute(text(_KEYS), given)]

    async def _read(self, keys: Iterable[Key]) -> list[Delivery]:
        async with transaction(self._engine) as connection:
            rows = await _READ.fetch(connection, [key[:2] for key in keys])
        return [
            Delivery(row[0], row[1].astimezone(UTC), row[2], row[3], row[4], bytes(row[5]))
            for row in rows
        ]

    async def _batch(
        self, read: Sequence[Delivery], left: int | None, begin: Place, end: Place
    ) -> Batch:
        if not self._order.reads_events:
            records = list(raw_records(self._order, read))[:left]
            return Batch(begin, end, len(read), len(records), records)
        seen = list(sightings(self._order, read))[:left]
        known = await self._claims(seen) if seen else {}
        claimed = [one for one in seen if one.content_id in known]
        records = list(event_records(claimed, known))
        return Batch(
            begin,
            end,
            len(read),
            len(seen),
            records,
            duplicates=len(claimed) - len(records),
            unclaimed=len(seen) - len(claimed),
        )

    async def _claims(self, seen: Iterable[Sighting]) -> dict[ContentId, ClaimKey]:
        wanted = [(event_id,) for event_id in sorted({one.identity.event_id for one in seen})]
        async with transaction(self._engine) as connection:
            rows = await _CLAIMS.fetch(connection, wanted)
        return {
            ContentId(row[0], row[1]): ClaimKey(row[2], row[3], Position.parse(row[4]))
            for row in rows
        }


async def open_deliveries(engine: AsyncEngine, order: Order) -> DeliverySource:
    """The deliveries that are archived now."""
    until = min(order.until or datetime.max.replace(tzinfo=UTC), datetime.now(UTC))
    given = {"since": order.since, "until": until, "fields": list(order.fields)}
    async with transaction(engine) as connection:
        total = await connection.scalar(text(_COUNT), given) or 0
    return DeliverySource(engine, order, until, total)


def planned_deliveries(engine: AsyncEngine, order: Order, plan: Any) -> DeliverySource:
    """The deliveries that `DeliverySource.plan` told."""
    return DeliverySource(engine, order, parse_time(plan["until"]), plan["total"])


def cut(keys: Iterable[Key], cut_at: Place | None) -> Iterator[list[Key]]:
    """Deliveries in pieces of bounded weight; a heavier one is a piece of its own. Pure."""
    piece: list[Key] = []
    size_bytes = changes = 0
    for key in keys:
        size_bytes += key.size_bytes
        changes += key.changes
        heavy = size_bytes > BATCH_BYTES or changes > BATCH_RECORDS or len(piece) >= BATCH_RECORDS
        reached = cut_at is not None and piece and piece[0].place < cut_at <= key.place
        if piece and (heavy or reached):
            yield piece
            piece, size_bytes, changes = [], key.size_bytes, key.changes
        piece.append(key)
    if piece:
        yield piece


def raw_records(order: Order, read: Iterable[Delivery]) -> Iterator[Record]:
    """The raw records that are meant, as ingest published them. Pure."""
    for delivery in read:
        key, headers = body_key(delivery.body), tuple(delivery_headers(delivery))
        for field in fields_in(delivery.body):
            record = Record(Source(raw_topic(field), NOWHERE, 0), key, delivery.body, headers)
            if field in order.fields and means_changes(order, record):
                yield record


def sightings(order: Order, read: Iterable[Delivery]) -> Iterator[Sighting]:
    """The changes that are meant. A body that nobody can read has none: dedupe's letter. Pure."""
    every = Order(order.stage, field=order.field)
    for record in raw_records(every, read):
        try:
            seen = sightings_in(record)
        except RejectError:
            continue
        for one in seen:
            if order.means(one.change.account_id, one.identity.event_id):
                yield one


def event_records(seen: Sequence[Sighting], known: dict[ContentId, ClaimKey]) -> Iterator[Record]:
    """The events that dedupe publishes of these changes, by the claims as they are. Pure."""
    for one, verdict in zip(seen, verdicts(seen, known), strict=True):
        if verdict == "repeat":
            continue
        yield Record(
            Source(events_topic(one.change.field), NOWHERE, number_of(one.key.position)),
            one.identity.event_id.encode(),
            encode_event(one.change, one.identity, one.key),
            (("delivery-id", one.key.delivery_id.encode()), ("verdict", verdict.encode())),
        )


def number_of(position: Position) -> int:
    """Another number for each change of a delivery: its dead letter is known by it. Pure."""
    return (position.entry * len(_LISTS) + _LISTS.index(position.list_name)) * 10**6 + position.item


_LISTS: Final = ("changes", "messaging", "standby", "flat", "changed_fields")
