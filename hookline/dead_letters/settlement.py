"""Which letters have come to an end, whoever brought it about: a redrive, a replay, a redelivery.

A letter is resolved when its own stage has done its record: the archive has the delivery; dedupe
has sighted all changes of it, and each is stored, a repeat, or has a letter of a later stage;
persist's event is stored, or a repeat. Letters about enrichment: see `enrichment`. What failed
again stays as it is, so that its newest letter alone tells how its change ended, and ends as that
one does.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import and_, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.dead_letters.enrichment import merged, put_down
from hookline.dead_letters.letter import OF_ONE_EVENT, Letter
from hookline.dead_letters.selection import (
    is_about,
    letters_where,
    newest_attempts,
    read_letters,
)
from runtime.database import BulkStatement, transaction
from schemas.dead_letters import ORIGINAL, State
from schemas.events import MalformedEventError, decode_event, parse_time
from schemas.tables import dead_letters
from schemas.topics import ENRICHED_TOPICS, RAW_TOPICS

PAGE: Final = 2_000

OPEN: Final = (State.PARKED, State.REDRIVEN)
"""States of letters that have not ended."""


class Wanted(NamedTuple):
    """What a letter's stage should have done: changes of one field of one delivery, or the one
    at a position.
    """

    dead_letter_id: str
    received_at: datetime
    delivery_id: str
    field: str
    position: str | None


@dataclass(frozen=True, slots=True)
class Sighted:
    """A change as dedupe knows it, and how it ended."""

    event_id: str
    content_hash: str
    is_repeat: bool
    has_letter: bool


_ARCHIVED: Final = BulkStatement(
    {"dead_letter_id": "uuid", "received_at": "timestamptz", "delivery_id": "uuid"},
    "SELECT rows.dead_letter_id::text, deliveries.changes FROM {rows} "
    "JOIN {schema}.deliveries USING (received_at, delivery_id)",
)

_SIGHTED: Final = BulkStatement(
    {
        "dead_letter_id": "uuid",
        "received_at": "timestamptz",
        "delivery_id": "uuid",
        "field": "text",
        "position": "text",
    },
    """
SELECT rows.dead_letter_id::text, sightings.event_id, sightings.content_hash,
    claims.delivery_id <> sightings.delivery_id OR claims.position <> sightings.position,
    EXISTS (
        SELECT FROM {schema}.dead_letters AS letters
        WHERE letters.stage = 'persist' AND starts_with(letters.source_topic, 'instagram.events.')
            AND letters.delivery_id = sightings.delivery_id
            AND letters.key = convert_to(sightings.event_id, 'UTF8')
    )
FROM {rows}
JOIN {schema}.sightings USING (received_at, delivery_id)
JOIN {schema}.claims USING (event_id, content_hash)
WHERE (rows.position IS NULL OR sightings.position = rows.position)
    AND starts_with(sightings.event_id, rows.field || ':')
""",
)

# As in the view `outcomes`, but by the tables' keys. The last column of the rows is what follows
# the account in an event's id. An account's id that holds a colon is not found: its letters stay
# as they are, which harms nobody.
_STORED: Final = BulkStatement(
    {
        "event_id": "text",
        "content_hash": "text",
        "account_id": "text",
        "natural_key": "text",
        "media_id": "text",
    },
    """
SELECT rows.event_id, rows.content_hash
FROM {rows}
CROSS JOIN LATERAL (
    SELECT content_hash, contents FROM {schema}.comments
    WHERE account_id = rows.account_id AND comment_id = rows.natural_key
        AND concat_ws(':', field, account_id, comment_id) = rows.event_id
    UNION ALL
    SELECT content_hash, contents FROM {schema}.mentions
    WHERE account_id = rows.account_id AND media_id = rows.media_id
        AND rows.event_id = concat_ws(
            ':', 'mentions', account_id, media_id, coalesce(nullif(comment_id, ''), '-'))
    UNION ALL
    SELECT content_hash, contents FROM {schema}.story_insights
    WHERE account_id = rows.account_id AND media_id = rows.natural_key
        AND concat_ws(':', 'story_insights', account_id, media_id) = rows.event_id
    UNION ALL
    SELECT content_hash, contents FROM {schema}.other_events WHERE event_id = rows.event_id
) AS kept
WHERE kept.content_hash = rows.content_hash
    OR kept.contents @> jsonb_build_array(jsonb_build_object('content_hash', rows.content_hash))
""",
)


async def settle(engine: AsyncEngine) -> int:
    """Ends the letters that are done with; gives how many.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    settled = 0
    beyond = UUID(int=0)
    while True:
        still_open = letters_where(
            dead_letters.c.state.in_(OPEN), dead_letters.c.dead_letter_id > beyond
        )
        query = still_open.order_by(dead_letters.c.dead_letter_id).limit(PAGE)
        async with transaction(engine) as connection:
            page = await read_letters(connection, query)
            if not page:
                break
            settled += await _resolve(connection, page)
        beyond = UUID(page[-1].dead_letter_id)
    async with transaction(engine) as connection:
        return settled + await _end_as_their_newest(connection)


async def _resolve(connection: AsyncConnection, page: Iterable[Letter]) -> int:
    columns = dead_letters.c
    letters = {one.dead_letter_id: one for one in page if not one.failed_again}
    # What is archived tells itself by its headers, and may be large.
    value = case((columns.source_topic.in_(OF_ONE_EVENT), columns.value))
    query = select(columns.dead_letter_id, columns.headers, value)
    found = await connection.execute(query.where(columns.dead_letter_id.in_(letters)))
    wanted: list[Wanted] = []
    refused: dict[str, bytes] = {}
    reads: dict[str, bytes] = {}
    for id_, headers, record in found:
        letter = letters[id_]
        if letter.stage == "reply":
            continue  # where no rule wants an answer, nothing tells that it was decided
        if letter.stage == "enrich":
            refused[id_] = record or b""
        elif letter.source_topic in ENRICHED_TOPICS:
            reads[id_] = record or b""
        elif (asked := wanted_of(letter, headers, record)) is not None:
            wanted.append(asked)
    done = [
        *(await _done(connection, letters, wanted) if wanted else ()),
        *await put_down(connection, refused),
        *await merged(connection, reads),
    ]
    statement = (
        update(dead_letters)
        .where(dead_letters.c.dead_letter_id.in_(done), dead_letters.c.state.in_(OPEN))
        .values(state=State.RESOLVED, state_changed_at=datetime.now(UTC))
    )
    return (await connection.execute(statement)).rowcount if done else 0


async def _done(
    connection: AsyncConnection, letters: Mapping[str, Letter], wanted: Sequence[Wanted]
) -> list[str]:
    """Those of the letters whose stage has done what is wanted of it."""
    archived = dict(await _ARCHIVED.fetch(connection, [one[:3] for one in wanted]))
    sighted: defaultdict[str, list[Sighted]] = defaultdict(list)
    for dead_letter_id, *told in await _SIGHTED.fetch(connection, wanted):
        sighted[dead_letter_id].append(Sighted(*told))
    changes = [change for some in sighted.values() for change in some]
    stored = await _stored(connection, changes)
    return [
        one.dead_letter_id
        for one in wanted
        if is_done(
            letters[one.dead_letter_id].stage,
            one,
            archived.get(one.dead_letter_id),
            sighted[one.dead_letter_id],
            stored,
        )
    ]


def wanted_of(letter: Letter, headers: Mapping[str, str], event: bytes | None) -> Wanted | None:
    """What has to be there when a letter's stage has done its record; None when nobody can tell
    it from the record. Pure.

    Args:
        headers: the letter's own, as the table keeps them.
        event: the record of an events topic.
    """
    if letter.source_topic in RAW_TOPICS:
        told = headers.get(f"{ORIGINAL}received-at", "")
        try:
            received_at = parse_time(told)
        except ValueError:
            return None
        if letter.delivery_id is None:
            return None
        field = RAW_TOPICS[letter.source_topic]
        return Wanted(letter.dead_letter_id, received_at, letter.delivery_id, field, None)
    try:
        told_event = decode_event(event or b"")
    except MalformedEventError:
        return None
    return Wanted(
        letter.dead_letter_id,
        told_event.received_at,
        told_event.delivery_id,
        told_event.field,
        told_event.position,
    )


def is_done(
    stage: str,
    wanted: Wanted,
    archived: Mapping[str, int] | None,
    sighted: Sequence[Sighted],
    stored: set[tuple[str, str]],
) -> bool:
    """Whether a stage has done what is wanted. Pure.

    Args:
        archived: the delivery's changes by field, as the archive counted them; None without it.
        sighted: the wanted changes that dedupe has sighted.
        stored: the contents, with their events, that are in rows.
    """
    if stage == "archive":
        return archived is not None
    ended = [
        change.is_repeat or (change.event_id, change.content_hash) in stored for change in sighted
    ]
    if stage == "dedupe":
        complete = archived is not None and len(sighted) >= archived.get(wanted.field, 0)
        # A change whose event died has a letter of its own.
        return complete and all(
            end or change.has_letter for end, change in zip(ended, sighted, strict=True)
        )
    return stage == "persist" and bool(ended) and all(ended)


async def _stored(connection: AsyncConnection, changes: Iterable[Sighted]) -> set[tuple[str, str]]:
    rows = {
        (
            change.event_id,
            change.content_hash,
            *_key_parts(change.event_id),
        )
        for change in changes
    }
    if not rows:
        return set()
    return {(row[0], row[1]) for row in await _STORED.fetch(connection, sorted(rows))}


def _key_parts(event_id: str) -> tuple[str, str, str]:
    """Account, natural key and, of a mention, its media."""
    account_id, _, natural_key = event_id.partition(":")[2].partition(":")
    return account_id, natural_key, natural_key.rpartition(":")[0]


async def _end_as_their_newest(connection: AsyncConnection) -> int:
    """Ends letters whose record failed again, where its newest letter has ended."""
    columns = dead_letters.c
    newest, newer = newest_attempts(), dead_letters.alias("newer")
    is_older = and_(is_about(newest, dead_letters), newest.c.attempts > columns.attempts)
    is_newest = and_(is_about(newest, newer), newest.c.attempts == newer.c.attempts)
    ended = (
        select(columns.dead_letter_id, func.max(newer.c.state).label("state"))
        .select_from(dead_letters.join(newest, is_older).join(newer, is_newest))
        .where(columns.state.in_(OPEN))
        .group_by(columns.dead_letter_id)
        .having(func.bool_and(newer.c.state.not_in(OPEN)))
        .subquery("ended")
    )
    statement = (
        update(dead_letters)
        .where(columns.dead_letter_id == ended.c.dead_letter_id)
        .values(state=ended.c.state, state_changed_at=datetime.now(UTC))
    )
    return (await connection.execute(statement)).rowcount
