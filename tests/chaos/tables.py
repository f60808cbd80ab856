"""Reads what a line stored, whole."""

from collections import Counter
from typing import Final

import asyncpg

from tests.chaos.enrichment import Enriched, EnrichedRow
from tests.chaos.verdict import Letter, Stored

EVENTS: Final = """
SELECT event_id, count(*) FROM (
    SELECT concat_ws(':', field, account_id, comment_id) AS event_id FROM hookline.comments
    UNION ALL
    SELECT concat_ws(':', 'mentions', account_id, media_id, coalesce(nullif(comment_id, ''), '-'))
    FROM hookline.mentions
    UNION ALL
    SELECT DISTINCT concat_ws(':', 'story_insights', account_id, media_id)
    FROM hookline.story_insights
    UNION ALL
    SELECT event_id FROM hookline.other_events WHERE NOT is_test
) AS kept GROUP BY event_id
"""

BODIES: Final = "SELECT encode(sha256(body), 'hex'), count(*) FROM hookline.deliveries GROUP BY 1"

OUTCOMES: Final = """
SELECT 'received', coalesce(sum(received), 0)::bigint FROM analytics.conservation
UNION ALL SELECT 'stored', coalesce(sum(stored), 0)::bigint FROM analytics.conservation
UNION ALL SELECT 'repeats', coalesce(sum(repeats), 0)::bigint FROM analytics.conservation
UNION ALL SELECT 'dead', coalesce(sum(dead), 0)::bigint FROM analytics.conservation
UNION ALL SELECT 'in_flight', coalesce(sum(abs(in_flight)), 0)::bigint FROM analytics.conservation
"""

# Dashboard tests are named by their delivery, which only the receiver knows.
CONTENTS: Final = (
    "SELECT event_id, content_hash FROM hookline.claims WHERE event_id NOT LIKE '%:0:test:%'"
)

LETTERS: Final = (
    "SELECT stage, reason, encode(sha256(coalesce(value, '')), 'hex'), count(*) "
    "FROM hookline.dead_letters GROUP BY 1, 2, 3"
)

COMMENTS: Final = """
SELECT account_id, comment_id, enrichment_status, enrichment_reason,
    commented_at, like_count, hidden, album_id
FROM hookline.comments
"""

MENTIONS: Final = """
SELECT account_id, coalesce(nullif(comment_id, ''), media_id), enrichment_status,
    enrichment_reason, mentioned_at, like_count, text, media_type, media_url, username
FROM hookline.mentions
"""

MEDIA: Final = "SELECT media_id, posted_at, caption, media_type, permalink FROM hookline.media"

WANTED_MEDIA: Final = """
SELECT account_id, canonical_media_id FROM hookline.comments WHERE canonical_media_id IS NOT NULL
UNION SELECT account_id, album_id FROM hookline.comments WHERE album_id IS NOT NULL
UNION SELECT account_id, media_id FROM hookline.story_insights
"""


async def read_tables(database_url: str) -> Stored:
    """Everything that a verdict needs."""
    connection = await asyncpg.connect(database_url, command_timeout=300)

    async def pairs(query: str) -> Counter[str]:
        return Counter({str(row[0]): int(row[1]) for row in await connection.fetch(query)})

    async def count(of: str) -> int:
        return int(await connection.fetchval(f"SELECT count(*) FROM hookline.{of}") or 0)

    async def enriched_rows(query: str) -> list[EnrichedRow]:
        return [
            EnrichedRow(row[0], row[1], row[2], row[3], tuple(row)[4:])
            for row in await connection.fetch(query)
        ]

    async def enriched() -> Enriched:
        return Enriched(
            await enriched_rows(COMMENTS),
            await enriched_rows(MENTIONS),
            {row[0]: tuple(row)[1:] for row in await connection.fetch(MEDIA)},
            {(row[0], row[1]) for row in await connection.fetch(WANTED_MEDIA)},
        )

    try:
        return Stored(
            bodies=await pairs(BODIES),
            misnamed=await count("deliveries WHERE encode(sha256(body), 'hex') <> sha256"),
            events=await pairs(EVENTS),
            contents=frozenset((row[0], row[1]) for row in await connection.fetch(CONTENTS)),
            tests=await count("other_events WHERE is_test"),
            ad_sightings=await count("ad_sightings"),
            story_metrics=await count("story_insights"),
            suppressed_metrics=await count("story_insights WHERE suppressed"),
            outcomes=await pairs(OUTCOMES),
            letters=Counter(
                {Letter(row[0], row[1], row[2]): row[3] for row in await connection.fetch(LETTERS)}
            ),
            gaps=await count("gaps"),
            open_breakers=await count("breakers WHERE closed_at IS NULL"),
            enriched=await enriched(),
        )
    finally:
        await connection.close()
