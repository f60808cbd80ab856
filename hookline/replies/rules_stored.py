"""Stored events, as the worker `reply` has them before it asks the rules."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.replay.enrichment import deciding
from hookline.replies.rules_samples import Earlier, Sample
from hookline.trace.search import search
from runtime.database import transaction
from runtime.errors import HooklineError
from schemas.decoding import UnreadableError
from schemas.enriched import Enriched, Read
from schemas.events import WEBHOOK, Event, brought_by, decode_event, encode_event
from schemas.identity import ClaimKey, identify
from schemas.splitting import Position, split
from schemas.tables import SCHEMA, graph_reads
from workers.enrich.wanted import wanted_by
from workers.reply.facts import examined, stands_on
from workers.reply.outbox import Outbox

FIELDS: Final = ("comments", "mentions")

ENDPOINTS: Final = ("comment", "mentioned_comment", "mentioned_media")
"""What is read of an event before it is answered."""

LIMIT: Final = 100
"""Events of a time when --max is not given."""

_OF_TIME: Final = text(f"""
SELECT event_id FROM {SCHEMA}.sightings
WHERE received_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
    AND received_at < coalesce(CAST(:until AS timestamptz), 'infinity')
    AND split_part(event_id, ':', 1) = ANY(:fields)
    AND split_part(event_id, ':', 2) = coalesce(:account, split_part(event_id, ':', 2))
GROUP BY event_id ORDER BY max(received_at) DESC, event_id LIMIT :max
""")  # noqa: S608 - names of ours

_CONTENTS: Final = text(f"""
SELECT c.event_id, c.received_at, c.delivery_id::text, c.position, d.source, d.body
FROM {SCHEMA}.claims AS c JOIN {SCHEMA}.deliveries AS d USING (received_at, delivery_id)
WHERE c.event_id = ANY(:ids)
""")  # noqa: S608 - names of ours

_READS: Final = text(
    f"SELECT {', '.join(column.name for column in graph_reads.columns)} "  # noqa: S608
    f"FROM {SCHEMA}.graph_reads WHERE event_id = ANY(:ids) AND endpoint = ANY(:endpoints)"
).columns(*graph_reads.columns)

_EARLIER: Final = text(
    f"SELECT event_id, rule, state FROM {SCHEMA}.replies "  # noqa: S608 - names of ours
    "WHERE event_id = ANY(:ids) ORDER BY created_at"
)


class NotStoredError(HooklineError):
    """There is no such mention or comment."""

    reason = "not_stored"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which stored events: these, and the latest of a time."""

    ids: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    account: str | None = None
    limit: int = LIMIT


async def stored(engine: AsyncEngine, wanted: Wanted) -> list[Sample]:
    """These events: those of ids in the order given, then those of a time, the latest first.

    Raises:
        NotStoredError: an id is that of no mention or comment.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        event_ids = await _event_ids(connection, wanted)
        events = await _events(connection, event_ids)
        reads = await _reads(connection, event_ids)
        earlier = await _earlier(connection, event_ids)
    known = [
        Enriched(event=event, read=reads.get(event_id) or _pending(event))
        for event_id, event in events.items()
    ]
    ours = await Outbox(engine).ours(
        [one.read.object_id for one in known],
        [media_id for one in known if (media_id := stands_on(one)) is not None],
    )
    examinations = {one.event.event_id: examined(one, ours) for one in known}
    return [
        Sample(
            event_id,
            examinations.get(event_id, "not_archived"),
            earlier=tuple(earlier[event_id]),
        )
        for event_id in event_ids
    ]


async def _event_ids(connection: AsyncConnection, wanted: Wanted) -> list[str]:
    found: list[str] = []
    for one in wanted.ids:
        event_ids = (await search(connection, one, wanted.limit)).event_ids
        answerable = [event_id for event_id in event_ids if event_id.split(":")[0] in FIELDS]
        if not answerable:
            raise NotStoredError(f"No mention or comment is stored under {one}.")
        found += answerable
    if wanted.since is not None or wanted.until is not None:
        given = {"since": wanted.since, "until": wanted.until, "account": wanted.account}
        found += await connection.scalars(
            _OF_TIME, {**given, "fields": list(FIELDS), "max": wanted.limit}
        )
    return list(dict.fromkeys(found))


async def _events(connection: AsyncConnection, event_ids: Sequence[str]) -> Mapping[str, Event]:
    """Each as dedupe published its first content; those whose delivery is archived."""
    found: dict[str, tuple[ClaimKey, str, bytes]] = {}
    for event_id, received_at, delivery_id, position, source, body in await connection.execute(
        _CONTENTS, {"ids": list(event_ids)}
    ):
        key = ClaimKey(received_at.astimezone(UTC), delivery_id, Position.parse(position))
        content = (key, source, bytes(body))
        found[event_id] = min(found.get(event_id, content), content, key=lambda one: one[0])
    events = (_event(*content) for content in found.values())
    return {event.event_id: event for event in events if event is not None}


def _event(key: ClaimKey, source: str, body: bytes) -> Event | None:
    try:
        changes = split(body)
    except UnreadableError:
        return None
    for change in changes:
        if change.position == key.position:
            event = encode_event(change, identify(change, key.delivery_id), key)
            return decode_event(event if source == WEBHOOK else brought_by(source, event))
    return None


def _pending(event: Event) -> Read:
    """What is told of an event before anything was read."""
    wanted = next((one for one in wanted_by(event) if one.endpoint in ENDPOINTS), None)
    return Read(
        account_id=event.account_id or "",
        endpoint=wanted.endpoint if wanted else "comment",
        object_id=wanted.object_id if wanted else "",
        read_at=event.received_at,
        status="pending",
    )


async def _reads(connection: AsyncConnection, event_ids: Iterable[str]) -> Mapping[str, Read]:
    given = {"ids": list(event_ids), "endpoints": list(ENDPOINTS)}
    rows = (await connection.execute(_READS, given)).mappings()
    return dict(deciding((row["event_id"], Read.model_validate(dict(row))) for row in rows))


async def _earlier(
    connection: AsyncConnection, event_ids: Iterable[str]
) -> Mapping[str, list[Earlier]]:
    earlier: defaultdict[str, list[Earlier]] = defaultdict(list)
    for event_id, *told in await connection.execute(_EARLIER, {"ids": list(event_ids)}):
        earlier[event_id].append(Earlier(*told))
    return earlier
