"""From an id that somebody has to the events and deliveries that it stands for.

Owns what is searched, and in which order of time things come out.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_EVENT_SEARCHES: Final[Mapping[str, str]] = {
    "event id": """
        SELECT event_id, received_at FROM hookline.claims WHERE event_id = :id
        UNION ALL SELECT event_id, received_at FROM hookline.sightings WHERE event_id = :id
        UNION ALL SELECT event_id, received_at FROM hookline.other_events WHERE event_id = :id
    """,
    # What follows field and account in an event's id: of a comment its id, of a mention its
    # media and comment, of a story its media, of a message its own id among others.
    "comment, media or message id within an event id": """
        SELECT event_id, received_at FROM hookline.claims
        WHERE (string_to_array(event_id, ':'))[3:] @> ARRAY[CAST(:id AS text)]
    """,
    "comment id": """
        SELECT concat_ws(':', field, account_id, comment_id), first_received_at
        FROM hookline.comments WHERE comment_id = :id
        UNION ALL
        SELECT concat_ws(':', 'mentions', account_id, media_id, comment_id), first_received_at
        FROM hookline.mentions WHERE comment_id = :id AND comment_id <> ''
    """,
    "key or id of an answer": """
        SELECT event_id, created_at FROM hookline.replies
        WHERE reply_key = :id OR reply_id = :id
    """,
    "media id": """
        SELECT concat_ws(':', field, account_id, comment_id), first_received_at
        FROM hookline.comments
        WHERE :id IN (media_id, original_media_id, canonical_media_id, album_id)
        UNION ALL
        SELECT concat_ws(':', comments.field, account_id, comment_id), comments.first_received_at
        FROM hookline.ad_sightings JOIN hookline.comments USING (account_id, comment_id)
        WHERE ad_sightings.media_id = :id
        UNION ALL
        SELECT concat_ws(':', 'mentions', account_id, media_id,
            coalesce(nullif(comment_id, ''), '-')), first_received_at
        FROM hookline.mentions WHERE media_id = :id
        UNION ALL
        SELECT concat_ws(':', 'story_insights', account_id, media_id), received_at
        FROM hookline.story_insights WHERE media_id = :id
    """,
}

SEARCHED: Final = (*_EVENT_SEARCHES, "delivery id")
"""What an id is looked up as."""

_EVENTS: Final = """
SELECT event_id, min(received_at) AS first_received_at, count(*) OVER () AS found
FROM ({searches}) AS found (event_id, received_at)
GROUP BY event_id ORDER BY 2, 1 LIMIT :max
""".format(searches=" UNION ALL ".join(_EVENT_SEARCHES.values()))

_DELIVERY: Final = """
SELECT received_at FROM hookline.deliveries
WHERE delivery_id = :id AND received_at >= :since AND received_at < :until
"""

_DELIVERY_EVENTS: Final = """
SELECT event_id, min(received_at) AS first_received_at, count(*) OVER () AS found
FROM hookline.sightings
WHERE delivery_id = :id AND received_at >= :since AND received_at < :until
GROUP BY event_id ORDER BY 2, 1 LIMIT :max
"""

_DELIVERY_LETTERS: Final = "SELECT 1 FROM hookline.dead_letters WHERE delivery_id = :id LIMIT 1"

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Found(NamedTuple):
    """What an id stands for. `total` may be more than the events given."""

    event_ids: list[str]
    total: int
    delivery_ids: list[str]


async def search(connection: AsyncConnection, wanted_id: str, max_events: int) -> Found:
    """The events that an id stands for, oldest first, and the delivery if it names one.

    An id that is stored nowhere finds nothing.
    """
    if "\0" in wanted_id:  # no text column holds one
        return Found([], 0, [])
    delivery_id = delivery_id_of(wanted_id)
    if delivery_id is not None:
        found = await _delivery(connection, delivery_id, max_events)
        if found is not None:
            return found
    rows = await _rows(connection, _EVENTS, id=wanted_id, max=max_events)
    return Found([row.event_id for row in rows], rows[0].found if rows else 0, [])


def delivery_id_of(text_: str) -> str | None:
    """A delivery's id as it is stored, or None for text that is none."""
    try:
        return str(uuid.UUID(text_))
    except ValueError:
        return None


def when_made(delivery_id: str) -> tuple[datetime, datetime] | None:
    """The millisecond that a UUIDv7 tells, as bounds; None for another kind of UUID.

    A delivery's id and its time of receipt come from one look at the clock: months of partitions
    need not be looked through.
    """
    parsed = uuid.UUID(delivery_id)
    if parsed.version != 7:
        return None
    try:
        since = _BEGINNING + timedelta(milliseconds=parsed.int >> 80)
        return since, since + timedelta(milliseconds=1)
    except OverflowError:
        return None


async def _delivery(connection: AsyncConnection, delivery_id: str, max_events: int) -> Found | None:
    for bounds in (when_made(delivery_id), (_BEGINNING, _END)):
        if bounds is None:
            continue
        given = {"id": delivery_id, "since": bounds[0], "until": bounds[1]}
        events = await _rows(connection, _DELIVERY_EVENTS, **given, max=max_events)
        if events or await _rows(connection, _DELIVERY, **given):
            total = events[0].found if events else 0
            return Found([row.event_id for row in events], total, [delivery_id])
    if await _rows(connection, _DELIVERY_LETTERS, id=delivery_id):
        return Found([], 0, [delivery_id])
    return None


async def _rows(connection: AsyncConnection, query: str, **given: object) -> Sequence[Any]:
    return (await connection.execute(text(query), given)).fetchall()
