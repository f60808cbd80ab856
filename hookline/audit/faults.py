"""Everything that can be wrong, each with its query. Owns names, meanings and what is told.

A query gives an example a row and, in `found`, how many there are. Those that look at what may
be on its way leave alone what is younger than the grace.
"""

# ruff: noqa: S608 - what is put together are our own words; values are bound

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hookline.audit.letters import LETTERS
from hookline.audit.scope import Scope

_KEPT: Final = """
event_rows (event_id, place, received_at, content_hash, contents) AS (
    SELECT event_id, 'other_events', received_at, content_hash, contents
    FROM hookline.other_events
    UNION ALL
    SELECT concat_ws(':', field, account_id, comment_id),
        concat_ws(' ', 'comments', account_id, comment_id, field),
        first_received_at, content_hash, contents
    FROM hookline.comments
    UNION ALL
    SELECT concat_ws(':', 'mentions', account_id, media_id, coalesce(nullif(comment_id, ''), '-')),
        concat_ws(' ', 'mentions', account_id, media_id, comment_id),
        first_received_at, content_hash, contents
    FROM hookline.mentions
    UNION ALL
    SELECT concat_ws(':', 'story_insights', account_id, media_id),
        concat_ws(' ', 'story_insights', account_id, media_id),
        received_at, content_hash, contents
    FROM hookline.story_insights
),
kept (event_id, place, received_at, content_hash) AS (
    SELECT event_id, place, received_at, content_hash FROM event_rows
    UNION
    SELECT event_id, place, received_at, content ->> 'content_hash'
    FROM event_rows, jsonb_path_query(contents, '$[*]') AS content
)
"""


def _in_scope(received_at: str, event_id: str) -> str:
    return (
        f"{received_at} >= :since AND {received_at} < :until "
        f"AND split_part({event_id}, ':', 1) = ANY(:fields)"
    )


_ONE_SIGHTING: Final = """sightings.delivery_id::text, sightings.received_at, sightings.position,
    sightings.event_id, count(*) OVER () AS found"""

_ONE_CLAIM: Final = """claims.delivery_id::text, claims.received_at, claims.position,
    claims.event_id, claims.content_hash, count(*) OVER () AS found"""

UNSPLIT: Final = "unsplit_changes"
INVENTED: Final = "invented_sightings"
UNARCHIVED: Final = "raw_records_without_delivery"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: what it means for a person, and its query."""

    name: str
    meaning: str
    query: str


KINDS: Final[Sequence[Kind]] = (
    Kind(
        "doubled_deliveries",
        "deliveries that are archived more than once",
        """
        SELECT delivery_id::text, min(received_at) AS received_at, count(*) AS times,
            count(*) OVER () AS found
        FROM hookline.deliveries
        WHERE received_at >= :since AND received_at < :until
            AND (changes ?| :fields)
        GROUP BY delivery_id HAVING count(*) > 1
        ORDER BY 2, 1 LIMIT :max
        """,
    ),
    Kind(
        UNSPLIT,
        "changes of archived deliveries that dedupe has not seen",
        f"""
        WITH {LETTERS}
        SELECT delivery_id::text, received_at, field, changes,
            (sum(changes) OVER ())::bigint AS found
        FROM analytics.outcomes LEFT JOIN redriven USING (delivery_id)
        WHERE outcome = 'in_flight' AND position IS NULL AND field = ANY(:fields)
            AND received_at >= :since AND received_at < :until
            AND greatest(received_at, redriven_at) < :overdue_before
        ORDER BY 2, 1, 3 LIMIT :max
        """,
    ),
    Kind(
        "sightings_without_delivery",
        "changes that dedupe has seen, of deliveries that are not archived",
        f"""
        WITH {LETTERS}
        SELECT {_ONE_SIGHTING}
        FROM hookline.sightings
        LEFT JOIN hookline.deliveries USING (received_at, delivery_id)
        LEFT JOIN ended_whole USING (delivery_id)
        LEFT JOIN redriven USING (delivery_id)
        WHERE deliveries.sha256 IS NULL AND ended_whole.delivery_id IS NULL
            AND greatest(received_at, redriven_at) < :overdue_before
            AND {_in_scope("sightings.received_at", "sightings.event_id")}
        ORDER BY 2, 1, 3 LIMIT :max
        """,
    ),
    Kind(
        INVENTED,
        "changes that dedupe says to have seen, and that are not in their delivery",
        """
        WITH counted AS (
            SELECT received_at, delivery_id, fields.field,
                coalesce((changes ->> fields.field)::bigint, 0) AS changes
            FROM hookline.deliveries, unnest(CAST(:fields AS text[])) AS fields (field)
            WHERE received_at >= :since AND received_at < :until
        ),
        seen AS (
            SELECT received_at, delivery_id, split_part(event_id, ':', 1) AS field,
                count(*) AS changes
            FROM hookline.sightings
            WHERE received_at >= :since AND received_at < :until
            GROUP BY 1, 2, 3
        )
        SELECT delivery_id::text, received_at, field, seen.changes - counted.changes AS changes,
            (sum(seen.changes - counted.changes) OVER ())::bigint AS found
        FROM seen JOIN counted USING (received_at, delivery_id, field)
        WHERE seen.changes > counted.changes
        ORDER BY 2, 1, 3 LIMIT :max
        """,
    ),
    Kind(
        "sightings_without_claim",
        "changes whose content nobody has claimed",
        f"""
        WITH {LETTERS}
        SELECT {_ONE_SIGHTING}
        FROM hookline.sightings
        LEFT JOIN hookline.claims USING (event_id, content_hash)
        LEFT JOIN redriven ON redriven.delivery_id = sightings.delivery_id
        WHERE claims.position IS NULL
            AND greatest(sightings.received_at, redriven_at) < :overdue_before
            AND {_in_scope("sightings.received_at", "sightings.event_id")}
        ORDER BY 2, 1, 3 LIMIT :max
        """,
    ),
    Kind(
        "claims_without_sighting",
        "claims by changes that dedupe never saw",
        f"""
        SELECT {_ONE_CLAIM}
        FROM hookline.claims
        LEFT JOIN hookline.sightings USING (received_at, delivery_id, position)
        WHERE sightings.verdict IS NULL AND {_in_scope("claims.received_at", "claims.event_id")}
        ORDER BY 2, 1, 3 LIMIT :max
        """,
    ),
    Kind(
        "claims_without_row",
        "contents that were claimed, and that no row holds",
        f"""
        WITH {LETTERS}, {_KEPT}
        SELECT {_ONE_CLAIM}
        FROM hookline.claims
        LEFT JOIN redriven USING (delivery_id)
        WHERE NOT EXISTS (
                SELECT 1 FROM kept
                WHERE kept.event_id = claims.event_id AND kept.content_hash = claims.content_hash)
            AND NOT EXISTS (
                SELECT 1 FROM ended_alone AS letters
                WHERE letters.delivery_id = claims.delivery_id
                    AND letters.key = convert_to(claims.event_id, 'UTF8'))
            AND greatest(claims.received_at, redriven_at) < :overdue_before
            AND {_in_scope("claims.received_at", "claims.event_id")}
        ORDER BY 2, 1, 3 LIMIT :max
        """,
    ),
    Kind(
        "rows_without_claim",
        "rows with a content that nobody has claimed",
        f"""
        WITH {_KEPT},
        told AS (
            SELECT event_id, place, received_at, content_hash FROM kept
            UNION ALL
            -- An ad's sighting does not tell whether the comment came live.
            SELECT coalesce(live.event_id, 'comments:' || ads.account_id || ':' || ads.comment_id),
                concat_ws(' ', 'ad_sightings', ads.account_id, ads.comment_id, ads.media_id,
                    ads.ad_id),
                ads.first_received_at, ads.content_hash
            FROM hookline.ad_sightings AS ads
            LEFT JOIN hookline.claims AS live
                ON live.event_id = 'live_comments:' || ads.account_id || ':' || ads.comment_id
                AND live.content_hash = ads.content_hash
        )
        SELECT told.place AS row, told.received_at, told.event_id, told.content_hash,
            count(*) OVER () AS found
        FROM told LEFT JOIN hookline.claims USING (event_id, content_hash)
        WHERE claims.position IS NULL AND {_in_scope("told.received_at", "told.event_id")}
        ORDER BY 2, 1 LIMIT :max
        """,
    ),
    Kind(
        "doubled_rows",
        "contents that stand in more than one row",
        f"""
        WITH {_KEPT}
        SELECT event_id, min(received_at) AS received_at, content_hash,
            array_agg(DISTINCT place) AS rows, count(*) OVER () AS found
        FROM kept
        WHERE split_part(event_id, ':', 1) = ANY(:fields)
        GROUP BY event_id, content_hash
        HAVING count(DISTINCT place) > 1
            AND min(received_at) >= :since AND min(received_at) < :until
        ORDER BY 2, 1 LIMIT :max
        """,
    ),
)

# Reads every body.
DAMAGED: Final = Kind(
    "damaged_deliveries",
    "deliveries whose archived bytes are not those that were received",
    """
    SELECT delivery_id::text, received_at, count(*) OVER () AS found
    FROM hookline.deliveries
    WHERE encode(sha256(body), 'hex') <> sha256
        AND received_at >= :since AND received_at < :until AND (changes ?| :fields)
    ORDER BY 2, 1 LIMIT :max
    """,
)

MEANINGS: Final = {
    **{kind.name: kind.meaning for kind in (*KINDS, DAMAGED)},
    UNARCHIVED: "records in Kafka's raw topics, of deliveries that are not archived",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault as it was found: how often, and which ones, up to a number."""

    name: str
    count: int
    examples: Sequence[Mapping[str, Any]]


async def find_faults(
    connection: AsyncConnection, scope: Scope, examples: int, *, bodies: bool
) -> list[Fault]:
    """The faults that are there, in the order of a change's way through the line."""
    found: list[Fault] = []
    given = {**scope.parameters(), "max": examples}
    for kind in (DAMAGED, *KINDS) if bodies else KINDS:
        rows = (await connection.execute(text(kind.query), given)).mappings().all()
        if rows:
            told = [{name: row[name] for name in row if name != "found"} for row in rows]
            found.append(Fault(kind.name, int(rows[0]["found"]), told))
    return found
