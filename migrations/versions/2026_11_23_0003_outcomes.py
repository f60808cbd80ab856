"""How each change ended, one row a change; conservation adds it up. An ad's comment once."""

from importlib import import_module

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A change stands in exactly one branch here: it was sighted, or its delivery counts more changes
# than were sighted. A content is stored when the row of its event holds it, not just any content
# of that event: an amendment may have died where the first content is in its row.
# Letters of other stages than these three are about rows that are stored already. One that was
# sent again is on its way; one that was discarded or resolved stays the end of its change.
OUTCOMES = """
WITH event_rows (event_id, content_hash, contents) AS (
    SELECT event_id, content_hash, contents FROM hookline.other_events
    UNION ALL
    SELECT concat_ws(':', field, account_id, comment_id), content_hash, contents
    FROM hookline.comments
    UNION ALL
    SELECT concat_ws(':', 'mentions', account_id, media_id, coalesce(nullif(comment_id, ''), '-')),
        content_hash, contents
    FROM hookline.mentions
    UNION ALL
    SELECT concat_ws(':', 'story_insights', account_id, media_id), content_hash, contents
    FROM hookline.story_insights
),
kept AS (
    SELECT event_id, content_hash FROM event_rows
    UNION
    SELECT event_id, content ->> 'content_hash'
    FROM event_rows, jsonb_path_query(contents, '$[*]') AS content
),
letters AS (
    SELECT stage, delivery_id, key, split_part(source_topic, '.', 3) AS field
    FROM hookline.dead_letters
    WHERE state <> 'redriven'
),
counted AS (
    SELECT received_at, delivery_id, changes.key AS field, changes.value::bigint AS changes
    FROM hookline.deliveries, jsonb_each_text(deliveries.changes) AS changes
),
seen AS (
    SELECT received_at, delivery_id, split_part(event_id, ':', 1) AS field, count(*) AS changes
    FROM hookline.sightings
    GROUP BY 1, 2, 3
),
unsplit AS (
    -- The archive counts a body that nobody can read as one change of `other`, wherever it was
    -- published.
    SELECT DISTINCT delivery_id,
        CASE WHEN deliveries.changes ? letters.field THEN letters.field ELSE 'other' END AS field
    FROM letters
    JOIN hookline.deliveries USING (delivery_id)
    WHERE letters.stage = 'dedupe'
)
SELECT
    sightings.received_at,
    sightings.delivery_id,
    sightings.position,
    split_part(sightings.event_id, ':', 1) AS field,
    sightings.event_id,
    sightings.content_hash,
    1::bigint AS changes,
    CASE
        WHEN deliveries.delivery_id IS NULL THEN
            CASE WHEN EXISTS (
                SELECT 1 FROM letters
                WHERE letters.stage = 'archive' AND letters.delivery_id = sightings.delivery_id
            ) THEN 'dead' ELSE 'in_flight' END
        WHEN claims.event_id IS NULL THEN 'in_flight'
        WHEN claims.delivery_id <> sightings.delivery_id
            OR claims.position <> sightings.position THEN 'repeat'
        WHEN kept.event_id IS NOT NULL THEN 'stored'
        WHEN EXISTS (
            SELECT 1 FROM letters
            WHERE letters.stage = 'persist' AND letters.delivery_id = sightings.delivery_id
                AND letters.key = convert_to(sightings.event_id, 'UTF8')
        ) THEN 'dead'
        ELSE 'in_flight'
    END AS outcome
FROM hookline.sightings
LEFT JOIN hookline.deliveries
    ON deliveries.received_at = sightings.received_at
    AND deliveries.delivery_id = sightings.delivery_id
LEFT JOIN hookline.claims
    ON claims.event_id = sightings.event_id AND claims.content_hash = sightings.content_hash
LEFT JOIN kept
    ON kept.event_id = sightings.event_id AND kept.content_hash = sightings.content_hash
UNION ALL
SELECT
    counted.received_at,
    counted.delivery_id,
    NULL,
    counted.field,
    NULL,
    NULL,
    counted.changes - coalesce(seen.changes, 0),
    CASE WHEN unsplit.delivery_id IS NULL THEN 'in_flight' ELSE 'dead' END
FROM counted
LEFT JOIN seen USING (received_at, delivery_id, field)
LEFT JOIN unsplit USING (delivery_id, field)
WHERE counted.changes > coalesce(seen.changes, 0)
"""

CONSERVATION = """
SELECT
    date_trunc('hour', received_at, 'UTC') AS hour,
    field,
    sum(changes) AS received,
    coalesce(sum(changes) FILTER (WHERE outcome = 'stored'), 0)::bigint AS stored,
    coalesce(sum(changes) FILTER (WHERE outcome = 'repeat'), 0)::bigint AS repeats,
    coalesce(sum(changes) FILTER (WHERE outcome = 'dead'), 0)::bigint AS dead,
    coalesce(sum(changes) FILTER (WHERE outcome = 'in_flight'), 0) AS in_flight
FROM analytics.outcomes
GROUP BY 1, 2
"""

# One id may come as a comment and as a live comment: two rows of `comments`. The ad belongs to
# the one that was told with it.
AD_COMMENTS = """
SELECT
    ads.account_id,
    ads.comment_id,
    nullif(ads.media_id, '') AS media_id,
    nullif(ads.ad_id, '') AS ad_id,
    ads.ad_title,
    ads.original_media_id,
    coalesce(ads.original_media_id, comment.canonical_media_id) AS canonical_media_id,
    comment.field,
    comment.text,
    comment.from_id,
    comment.from_username,
    ads.first_received_at
FROM hookline.ad_sightings AS ads
JOIN LATERAL (
    SELECT *
    FROM hookline.comments
    WHERE comments.account_id = ads.account_id AND comments.comment_id = ads.comment_id
    ORDER BY
        comments.content_hash = ads.content_hash
            OR coalesce(comments.contents @> jsonb_build_array(
                jsonb_build_object('content_hash', ads.content_hash)), false) DESC,
        comments.field
    LIMIT 1
) AS comment ON true
"""


def upgrade() -> None:
    # Replaced, not dropped: rights granted on a view and views built on it stay. So the types
    # of the columns stay as well.
    op.execute(f"CREATE VIEW analytics.outcomes AS {OUTCOMES}")
    op.execute(f"CREATE OR REPLACE VIEW analytics.conservation AS {CONSERVATION}")
    op.execute(f"CREATE OR REPLACE VIEW analytics.ad_comments AS {AD_COMMENTS}")


def downgrade() -> None:
    before = import_module("migrations.versions.2026_11_22_0002_views")
    op.execute(f"CREATE OR REPLACE VIEW analytics.ad_comments AS {before.AD_COMMENTS}")
    op.execute(f"CREATE OR REPLACE VIEW analytics.conservation AS {before.CONSERVATION}")
    op.execute("DROP VIEW analytics.outcomes")
