"""What PostgreSQL holds of deliveries and events. Owns the queries, and what they leave out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hookline.trace.life import (
    TracedCall,
    TracedClaim,
    TracedDelivery,
    TracedEvent,
    TracedLetter,
    TracedReply,
    TracedRow,
    TracedSighting,
    TracedTask,
)
from hookline.trace.verdict import is_intact, verify_again
from schemas.splitting import fields_in
from schemas.tables import ad_sightings, comments, mentions, other_events, story_insights

Secrets = Sequence[tuple[str, bytes]]

_CLAIMS: Final = """
SELECT event_id, content_hash, received_at, delivery_id::text, position FROM hookline.claims
WHERE event_id = ANY(:ids) ORDER BY received_at, delivery_id, position
"""

# A claim has the least time that its content was told at: nothing older needs to be looked through.
_SIGHTINGS: Final = """
SELECT sightings.event_id, sightings.received_at, sightings.delivery_id::text,
    sightings.position, sightings.content_hash, sightings.sent_at, sightings.verdict,
    outcomes.outcome
FROM hookline.sightings
JOIN analytics.outcomes USING (received_at, delivery_id, position)
WHERE sightings.event_id = ANY(:ids) AND outcomes.event_id = ANY(:ids)
    AND sightings.received_at >= coalesce(
        (SELECT min(received_at) FROM hookline.claims WHERE event_id = ANY(:ids)), '-infinity')
ORDER BY 2, 3, 4
"""

_DELIVERIES: Final = """
SELECT delivery_id::text, received_at, app_id, source, changes, body, sha256, signature
FROM hookline.deliveries
WHERE delivery_id = ANY(CAST(:ids AS uuid[])) AND received_at = ANY(:times)
ORDER BY received_at, delivery_id
"""

_DELIVERY_TIMES: Final = """
SELECT received_at FROM hookline.deliveries WHERE delivery_id = ANY(CAST(:ids AS uuid[]))
"""

_LETTERS: Final = """
SELECT dead_letter_id::text, state, stage, reason, detail, fingerprint, attempts, source_topic,
    source_partition, source_offset, delivery_id::text, first_failed_at, parked_at,
    state_changed_at, key
FROM hookline.dead_letters
WHERE {where}
ORDER BY first_failed_at, parked_at
"""

_LETTERS_OF_EVENTS: Final = _LETTERS.format(where="key = ANY(:keys)")

# A record that is refused at these stages is a whole delivery, or a field of one.
_LETTERS_OF_DELIVERIES: Final = _LETTERS.format(
    where="stage IN ('archive', 'dedupe') AND delivery_id = ANY(CAST(:ids AS uuid[]))"
)

_CALLS: Final = """
SELECT event_id, endpoint, object_id, read_at, status, reason, code, subcode, http_status,
    api_version
FROM hookline.graph_reads WHERE event_id = ANY(:ids) ORDER BY read_at, endpoint, object_id
"""

_TASKS: Final = """
SELECT t.event_id, t.endpoint, t.object_id, t.created_at, t.due_at, t.attempts, t.reason,
    t.answered_at,
    CASE
        WHEN a.account_id IS NULL THEN 'not_connected'
        WHEN a.state <> 'active' THEN coalesce(a.state_reason, a.state)
        ELSE a.parked_endpoints ->> t.endpoint
    END
FROM hookline.enrichment_tasks AS t LEFT JOIN hookline.accounts AS a USING (account_id)
WHERE t.event_id = ANY(:ids) ORDER BY t.created_at, t.endpoint, t.object_id
"""

_REPLIES: Final = """
SELECT event_id, reply_key, state, reason, reply_id, attempts, dry_run, created_at, due_at,
    sending_at, settled_at, CASE WHEN :show_content THEN message END
FROM hookline.replies WHERE event_id = ANY(:ids) ORDER BY created_at, reply_key
"""

# The keys make use of the indexes, the event id decides.
_ROWS: Final = {
    comments: "field || ':' || account_id || ':' || comment_id = :event_id "
    "AND account_id = ANY(:accounts) AND comment_id = ANY(:keys)",
    ad_sightings: "account_id || ':' || comment_id = :rest AND :field IN ('comments', "
    "'live_comments') AND account_id = ANY(:accounts) AND comment_id = ANY(:keys)",
    mentions: "'mentions:' || account_id || ':' || media_id || ':' || "
    "coalesce(nullif(comment_id, ''), '-') = :event_id AND account_id = ANY(:accounts)",
    story_insights: "'story_insights:' || account_id || ':' || media_id = :event_id "
    "AND account_id = ANY(:accounts) AND media_id = ANY(:keys)",
    other_events: "event_id = :event_id",
}
"""The tables that events end in, and which of their rows are those of an event."""


async def read_events(
    connection: AsyncConnection, event_ids: Sequence[str], *, show_content: bool
) -> list[TracedEvent]:
    """These events, in the order given."""
    sightings: defaultdict[str, list[TracedSighting]] = defaultdict(list)
    claims: defaultdict[str, list[TracedClaim]] = defaultdict(list)
    letters: defaultdict[bytes, list[TracedLetter]] = defaultdict(list)
    for row in await _all(connection, _SIGHTINGS, ids=event_ids):
        sightings[row[0]].append(TracedSighting(*row[1:]))
    for row in await _all(connection, _CLAIMS, ids=event_ids):
        claims[row[0]].append(TracedClaim(*row[1:]))
    calls: defaultdict[str, list[TracedCall]] = defaultdict(list)
    tasks: defaultdict[str, list[TracedTask]] = defaultdict(list)
    for row in await _all(connection, _CALLS, ids=event_ids):
        calls[row[0]].append(TracedCall(*row[1:]))
    for row in await _all(connection, _TASKS, ids=event_ids):
        tasks[row[0]].append(TracedTask(*row[1:]))
    replies: defaultdict[str, list[TracedReply]] = defaultdict(list)
    for row in await _all(connection, _REPLIES, ids=event_ids, show_content=show_content):
        replies[row[0]].append(TracedReply(*row[1:]))
    keys = [event_id.encode() for event_id in event_ids]
    for *columns, key in await _all(connection, _LETTERS_OF_EVENTS, keys=keys):
        letters[key].append(TracedLetter(*columns))
    return [
        TracedEvent(
            event_id,
            dict(Counter(sighting.outcome for sighting in sightings[event_id])),
            sightings[event_id],
            claims[event_id],
            letters[event_id.encode()],
            calls[event_id],
            tasks[event_id],
            await _rows_of(connection, event_id, show_content=show_content),
            replies[event_id],
        )
        for event_id in event_ids
    ]


async def read_deliveries(
    connection: AsyncConnection,
    events: Iterable[TracedEvent],
    delivery_ids: Iterable[str],
    secrets: Secrets,
) -> list[TracedDelivery]:
    """The archived deliveries that told these events, and these others; oldest first."""
    sightings = [sighting for event in events for sighting in event.sightings]
    times = {sighting.received_at for sighting in sightings}
    others = set(delivery_ids)
    if others:
        times |= {row[0] for row in await _all(connection, _DELIVERY_TIMES, ids=list(others))}
    wanted = others | {sighting.delivery_id for sighting in sightings}
    rows = await _all(connection, _DELIVERIES, ids=list(wanted), times=list(times))
    return [_delivery(row, secrets) for row in rows]


async def read_delivery_letters(
    connection: AsyncConnection, delivery_ids: Sequence[str]
) -> list[TracedLetter]:
    """The dead letters of whole deliveries."""
    rows = await _all(connection, _LETTERS_OF_DELIVERIES, ids=list(delivery_ids))
    return [TracedLetter(*row[:-1]) for row in rows]


def _delivery(row: Any, secrets: Secrets) -> TracedDelivery:
    return TracedDelivery(
        delivery_id=row.delivery_id,
        received_at=row.received_at,
        app_id=row.app_id,
        source=row.source,
        fields=fields_in(row.body),
        changes=row.changes,
        size_bytes=len(row.body),
        sha256=row.sha256,
        intact=is_intact(row.body, row.sha256),
        signature=verify_again(secrets, row.body, row.signature),
    )


async def _rows_of(
    connection: AsyncConnection, event_id: str, *, show_content: bool
) -> list[TracedRow]:
    field, _, rest = event_id.partition(":")
    accounts, keys = heads_and_tails(rest)
    given = {
        "event_id": event_id,
        "field": field,
        "rest": rest,
        "accounts": accounts,
        "keys": keys,
    }
    return [
        _row(table, row, show_content)
        for table, where in _ROWS.items()
        for row in await _maps(
            connection,
            f"SELECT * FROM {table.fullname} WHERE {where}",  # noqa: S608 - our own words
            **given,
        )
    ]


def heads_and_tails(text_: str) -> tuple[list[str], list[str]]:
    """Each way to cut a text at a colon: an account's id may hold one."""
    cuts = [place for place, letter in enumerate(text_) if letter == ":"]
    return [text_[:cut] for cut in cuts], [text_[cut + 1 :] for cut in cuts]


def _row(table: Table, row: Mapping[str, Any], show_content: bool) -> TracedRow:
    keys = [column.name for column in table.primary_key]
    filled = {name: value for name, value in row.items() if name not in keys and value is not None}
    return TracedRow(
        table.name,
        {name: row[name] for name in keys},
        list(filled),
        filled if show_content else None,
    )


async def _all(connection: AsyncConnection, query: str, **given: object) -> Sequence[Any]:
    return (await connection.execute(text(query), given)).fetchall()


async def _maps(
    connection: AsyncConnection, query: str, **given: object
) -> Sequence[Mapping[str, Any]]:
    found = await connection.execute(text(query), given)
    return [dict(row) for row in found.mappings()]
