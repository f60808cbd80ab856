"""What a demonstration left in PostgreSQL. Owns its queries, and the comparison with the truth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from simulator.expected import Expected

EXAMPLES: Final = 5

_CONSERVATION: Final = """
SELECT field, sum(received)::bigint AS received, sum(stored)::bigint AS stored,
    sum(repeats)::bigint AS repeats, sum(dead)::bigint AS dead,
    sum(in_flight)::bigint AS in_flight
FROM analytics.conservation GROUP BY field
ORDER BY array_position(
    ARRAY['comments', 'live_comments', 'mentions', 'story_insights', 'other'], field)
"""

_COMMENTS: Final = """
SELECT CASE WHEN is_ad THEN 'ad' ELSE 'organic' END AS kind, count(*) AS comments,
    count(DISTINCT canonical_media_id) AS posts, count(DISTINCT from_id) AS people,
    count(*) FILTER (WHERE is_reply) AS replies, count(*) FILTER (WHERE is_own) AS own,
    count(*) FILTER (WHERE is_live) AS live
FROM analytics.comments GROUP BY 1 ORDER BY 1 DESC
"""

# Albums first: no webhook names them.
_READ: Final = """
SELECT text, from_username, like_count, album_id, permalink
FROM analytics.comments WHERE enriched_at IS NOT NULL AND commented_at IS NOT NULL
ORDER BY album_id IS NULL, like_count DESC, comment_id LIMIT :examples
"""

# One comment, told twice: as organic and as seen on the ad made from the same post.
_BOOSTED: Final = """
SELECT text, original_media_id, ad_id, ad_title
FROM analytics.comments
WHERE comment_id IN (SELECT split_part(event_id, ':', 3) FROM analytics.duplicates
    WHERE kind = 'amendment' AND field = 'comments') AND ad_id IS NOT NULL
ORDER BY ad_title IS NULL, first_received_at, comment_id LIMIT :examples
"""

# Of each kind: with no metric suppressed, with some, with all.
_STORIES: Final = """
SELECT media_id, media_type, impressions, reach, replies, exits,
    cardinality(suppressed_metrics) AS suppressed
FROM analytics.stories
WHERE impressions IS NOT NULL OR cardinality(suppressed_metrics) > 0
ORDER BY row_number() OVER (
    PARTITION BY cardinality(suppressed_metrics) ORDER BY last_received_at, media_id), suppressed
LIMIT :examples
"""

_MENTIONS: Final = """
SELECT kind, username, text, mentioned_at, like_count
FROM analytics.mentions WHERE text IS NOT NULL
ORDER BY row_number() OVER (PARTITION BY kind ORDER BY first_received_at, media_id), kind
LIMIT :examples
"""

_OTHER: Final = """
SELECT CASE WHEN is_test THEN 'dashboard test'
    WHEN object IS DISTINCT FROM 'instagram' THEN 'not about Instagram'
    WHEN platform_field IN ('message', 'messages', 'reaction', 'read', 'postback', 'referral',
        'message_edit', 'optin', 'standby') THEN 'direct messages'
    ELSE 'unknown fields, odd shapes' END AS kind, count(*)
FROM hookline.other_events GROUP BY 1 ORDER BY 2 DESC
"""


@dataclass(frozen=True)
class Outcome:
    """Everything that the demonstration shows."""

    conservation: Sequence[Any]
    comments: Sequence[Any]
    boosted: Sequence[Any]
    stories: Sequence[Any]
    mentions: Sequence[Any]
    read: Sequence[Any]
    other: dict[str, int]
    duplicates: dict[str, int]
    dead_letters: dict[str, int]
    rows: dict[str, int]
    bodies: Counter[str]

    def total(self, column: str) -> int:
        """A column of the conservation table, over all fields."""
        return sum(int(getattr(row, column)) for row in self.conservation)


async def read_outcome(engine: AsyncEngine) -> Outcome:
    """Reads the tables and views."""
    async with engine.connect() as connection:
        return Outcome(
            conservation=await _all(connection, _CONSERVATION),
            comments=await _all(connection, _COMMENTS),
            boosted=await _all(connection, _BOOSTED, examples=EXAMPLES),
            stories=await _all(connection, _STORIES, examples=EXAMPLES),
            mentions=await _all(connection, _MENTIONS, examples=EXAMPLES),
            read=await _all(connection, _READ, examples=EXAMPLES),
            other=await _counts(connection, _OTHER),
            duplicates=await _counts(
                connection, "SELECT kind, count(*) FROM analytics.duplicates GROUP BY kind"
            ),
            dead_letters=await _counts(
                connection, "SELECT reason, count(*) FROM hookline.dead_letters GROUP BY reason"
            ),
            rows=await _counts(
                connection,
                "SELECT 'comments', count(*) FROM hookline.comments "
                "UNION ALL SELECT 'mentions', count(*) FROM hookline.mentions "
                "UNION ALL SELECT 'story_insights', count(*) FROM analytics.stories "
                "UNION ALL SELECT 'other_events', count(*) FROM hookline.other_events",
            ),
            bodies=Counter(
                await _counts(
                    connection,
                    "SELECT encode(sha256(body), 'hex'), count(*) FROM hookline.deliveries "
                    "GROUP BY 1",
                )
            ),
        )


async def in_flight(engine: AsyncEngine, archived: int) -> int:
    """How many changes, or deliveries not yet archived, are still on their way."""
    async with engine.connect() as connection:
        stored = await connection.scalar(text("SELECT count(*) FROM hookline.deliveries")) or 0
        if stored < archived:
            return archived - stored
        waiting = await connection.scalar(
            text("SELECT coalesce(sum(abs(in_flight)), 0)::bigint FROM analytics.conservation")
        )
        return waiting or 0


def problems(outcome: Outcome, expected: Expected, acknowledged: Counter[str]) -> list[str]:
    """Where what is stored differs from what was promised; nothing when all is well."""
    found: list[str] = []
    missing = acknowledged - outcome.bodies
    if missing:
        found.append(f"{missing.total()} acknowledged deliveries are not in the archive")
    if outcome.total("in_flight"):
        found.append(f"{outcome.total('in_flight')} changes did not arrive")
    for table, wanted in expected.rows.items():
        stored = outcome.rows.get(table, 0)
        # A test whose answer was lost was sent again, and each press is an event of its own.
        if stored < wanted or (stored > wanted and table != "other_events"):
            found.append(f"{table} has {stored} rows instead of {wanted}")
    return found


async def _all(connection: AsyncConnection, query: str, **values: object) -> Sequence[Any]:
    return (await connection.execute(text(query), values)).fetchall()


async def _counts(connection: AsyncConnection, query: str) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in await _all(connection, query)}
