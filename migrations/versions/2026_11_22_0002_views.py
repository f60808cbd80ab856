"""The first views for analysts."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COMMENTS = """
SELECT
    account_id,
    comment_id,
    field,
    field = 'live_comments' AS is_live,
    text,
    from_id,
    from_username,
    is_own,
    parent_id,
    parent_id IS NOT NULL AS is_reply,
    media_id,
    canonical_media_id,
    original_media_id,
    media_product_type,
    (ad_id IS NOT NULL OR ad_title IS NOT NULL OR original_media_id IS NOT NULL
        OR EXISTS (
            SELECT 1 FROM hookline.ad_sightings
            WHERE ad_sightings.account_id = comments.account_id
                AND ad_sightings.comment_id = comments.comment_id
        )) AS is_ad,
    ad_id,
    ad_title,
    album_id,
    like_count,
    hidden,
    commented_at,
    sent_at,
    first_received_at,
    last_received_at,
    enrichment_status,
    enrichment_reason,
    deleted_at,
    extra
FROM hookline.comments
"""

AD_COMMENTS = """
SELECT
    ads.account_id,
    ads.comment_id,
    nullif(ads.media_id, '') AS media_id,
    nullif(ads.ad_id, '') AS ad_id,
    ads.ad_title,
    ads.original_media_id,
    coalesce(ads.original_media_id, comments.canonical_media_id) AS canonical_media_id,
    comments.field,
    comments.text,
    comments.from_id,
    comments.from_username,
    ads.first_received_at
FROM hookline.ad_sightings AS ads
JOIN hookline.comments USING (account_id, comment_id)
"""

MENTIONS = """
SELECT
    account_id,
    media_id,
    nullif(comment_id, '') AS comment_id,
    kind,
    text,
    media_type,
    media_url,
    username,
    mentioned_at,
    like_count,
    sent_at,
    first_received_at,
    last_received_at,
    enrichment_status,
    enrichment_reason,
    deleted_at,
    extra
FROM hookline.mentions
"""

STORIES = """
SELECT
    account_id,
    media_id,
    max(value) FILTER (WHERE metric = 'impressions') AS impressions,
    max(value) FILTER (WHERE metric = 'reach') AS reach,
    max(value) FILTER (WHERE metric = 'replies') AS replies,
    max(value) FILTER (WHERE metric = 'taps_forward') AS taps_forward,
    max(value) FILTER (WHERE metric = 'taps_back') AS taps_back,
    max(value) FILTER (WHERE metric = 'exits') AS exits,
    jsonb_object_agg(metric, value ORDER BY metric) AS metrics,
    coalesce(array_agg(metric ORDER BY metric) FILTER (WHERE suppressed), '{}')
        AS suppressed_metrics,
    max(sent_at) AS sent_at,
    max(received_at) AS last_received_at
FROM hookline.story_insights
GROUP BY account_id, media_id
"""

# The first sighting of an event is the one received first, whatever order they were handled in.
DUPLICATES = """
SELECT
    split_part(event_id, ':', 1) AS field,
    split_part(event_id, ':', 2) AS account_id,
    event_id,
    content_hash,
    CASE WHEN number_of_content = 1 THEN 'amendment' ELSE 'repeat' END AS kind,
    received_at,
    delivery_id,
    position,
    first_received_at,
    received_at - first_received_at AS after_first
FROM (
    SELECT
        event_id,
        content_hash,
        received_at,
        delivery_id,
        position,
        row_number() OVER event AS number,
        row_number() OVER content AS number_of_content,
        first_value(received_at) OVER event AS first_received_at
    FROM hookline.sightings
    WINDOW
        event AS (
            PARTITION BY event_id ORDER BY received_at, delivery_id,
            split_part(position, '.', 1)::int, split_part(position, '.', 2) COLLATE "C",
            split_part(position, '.', 3)::int
        ),
        content AS (
            PARTITION BY event_id, content_hash ORDER BY received_at, delivery_id,
            split_part(position, '.', 1)::int, split_part(position, '.', 2) COLLATE "C",
            split_part(position, '.', 3)::int
        )
) AS numbered
WHERE number > 1
"""

# Received changes are counted by the archive; every one of them ends in one of the outcomes.
# A content is stored when dedupe let it pass and a table has its event.
CONSERVATION = """
WITH received AS (
    SELECT date_trunc('hour', received_at) AS hour, changes.key AS field,
        sum(changes.value::bigint) AS received
    FROM hookline.deliveries, jsonb_each_text(deliveries.changes) AS changes
    GROUP BY 1, 2
),
kept AS (
    SELECT event_id FROM hookline.other_events
    UNION SELECT concat_ws(':', field, account_id, comment_id) FROM hookline.comments
    UNION SELECT concat_ws(':', 'mentions', account_id, media_id,
        coalesce(nullif(comment_id, ''), '-')) FROM hookline.mentions
    UNION SELECT concat_ws(':', 'story_insights', account_id, media_id)
        FROM hookline.story_insights
),
sighted AS (
    SELECT date_trunc('hour', sightings.received_at) AS hour,
        split_part(sightings.event_id, ':', 1) AS field,
        count(*) FILTER (WHERE at_claim.event_id IS NOT NULL AND kept.event_id IS NOT NULL)
            AS stored,
        count(*) FILTER (WHERE at_claim.event_id IS NULL) AS repeats
    FROM hookline.sightings
    LEFT JOIN hookline.claims AS at_claim
        ON at_claim.event_id = sightings.event_id
        AND at_claim.content_hash = sightings.content_hash
        AND at_claim.delivery_id = sightings.delivery_id
        AND at_claim.position = sightings.position
    LEFT JOIN kept ON kept.event_id = sightings.event_id
    GROUP BY 1, 2
),
dead AS (
    SELECT date_trunc('hour', deliveries.received_at) AS hour,
        split_part(dead_letters.source_topic, '.', 3) AS field, count(*) AS dead
    FROM hookline.dead_letters
    JOIN hookline.deliveries USING (delivery_id)
    WHERE dead_letters.state = 'parked' AND dead_letters.stage <> 'archive'
    GROUP BY 1, 2
)
SELECT
    hour,
    field,
    coalesce(received, 0) AS received,
    coalesce(stored, 0) AS stored,
    coalesce(repeats, 0) AS repeats,
    coalesce(dead, 0) AS dead,
    coalesce(received, 0) - coalesce(stored, 0) - coalesce(repeats, 0) - coalesce(dead, 0)
        AS in_flight
FROM received
FULL JOIN sighted USING (hour, field)
FULL JOIN dead USING (hour, field)
"""

VIEWS = {
    "comments": COMMENTS,
    "ad_comments": AD_COMMENTS,
    "mentions": MENTIONS,
    "stories": STORIES,
    "duplicates": DUPLICATES,
    "conservation": CONSERVATION,
}


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS analytics")
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW analytics.{name} AS {query}")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW analytics.{name}")
