"""Accounts, the Graph API's budget, reads that wait, what was answered, and media."""

from importlib import import_module

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = {
    "media": """
        media_id text NOT NULL,
        account_id text NOT NULL,
        media_type text,
        media_product_type text,
        permalink text,
        caption text,
        posted_at timestamptz,
        album_id text,
        fetched_at timestamptz NOT NULL,
        CONSTRAINT pk_media PRIMARY KEY (media_id)
    """,
    "accounts": """
        account_id text NOT NULL,
        username text,
        page_id text,
        page_name text,
        user_id text,
        app_id text NOT NULL,
        user_token bytea,
        page_token bytea,
        scopes text[] NOT NULL,
        granular_scopes jsonb NOT NULL,
        tasks text[] NOT NULL,
        expires_at timestamptz,
        data_access_expires_at timestamptz,
        state text NOT NULL,
        state_reason text,
        parked_endpoints jsonb NOT NULL,
        connected_at timestamptz NOT NULL,
        state_changed_at timestamptz NOT NULL,
        checked_at timestamptz,
        CONSTRAINT pk_accounts PRIMARY KEY (account_id)
    """,
    "graph_usage": """
        app_id text NOT NULL,
        account_id text NOT NULL,
        pool text NOT NULL,
        used_percent double precision,
        calls bigint NOT NULL,
        calls_before bigint NOT NULL,
        calls_since timestamptz,
        unreported bigint NOT NULL,
        reserved bigint NOT NULL,
        reserved_until timestamptz,
        blocked_until timestamptz,
        reported_at timestamptz,
        CONSTRAINT pk_graph_usage PRIMARY KEY (app_id, account_id, pool)
    """,
    "enrichment_tasks": """
        account_id text NOT NULL,
        endpoint text NOT NULL,
        object_id text NOT NULL,
        event_id text NOT NULL,
        field text NOT NULL,
        event text NOT NULL,
        priority smallint NOT NULL,
        due_at timestamptz NOT NULL,
        leased_until timestamptz,
        attempts bigint NOT NULL,
        reason text,
        first_ambiguous_at timestamptz,
        answered_at timestamptz,
        parked_told boolean NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_enrichment_tasks PRIMARY KEY (account_id, endpoint, object_id)
    """,
    "graph_reads": """
        account_id text NOT NULL,
        endpoint text NOT NULL,
        object_id text NOT NULL,
        read_at timestamptz NOT NULL,
        event_id text NOT NULL,
        field text NOT NULL,
        status text NOT NULL,
        reason text,
        code bigint,
        subcode bigint,
        http_status smallint,
        api_version text,
        answer jsonb,
        CONSTRAINT pk_graph_reads PRIMARY KEY (account_id, endpoint, object_id, read_at)
    """,
}

before = import_module("migrations.versions.2026_11_22_0002_views")
outcomes = import_module("migrations.versions.2026_11_23_0003_outcomes")

# A letter about what the Graph told is no end of the change that it was asked about.
OUTCOMES = outcomes.OUTCOMES.replace(
    "    WHERE state <> 'redriven'\n",
    "    WHERE state <> 'redriven' AND NOT starts_with(source_topic, 'instagram.enriched.')\n",
    1,
)

# What the webhook told comes first; the Graph fills in what it left out.
COMMENTS = """
SELECT
    c.account_id,
    c.comment_id,
    c.field,
    c.field = 'live_comments' AS is_live,
    coalesce(c.text, c.graph ->> 'text') AS text,
    coalesce(c.from_id, c.graph ->> 'from_id') AS from_id,
    coalesce(c.from_username, c.graph ->> 'from_username') AS from_username,
    c.is_own,
    coalesce(c.parent_id, c.graph ->> 'parent_id') AS parent_id,
    coalesce(c.parent_id, c.graph ->> 'parent_id') IS NOT NULL AS is_reply,
    coalesce(c.media_id, c.graph ->> 'media_id') AS media_id,
    coalesce(c.canonical_media_id, c.graph ->> 'media_id') AS canonical_media_id,
    c.original_media_id,
    coalesce(c.media_product_type, c.graph ->> 'media_product_type') AS media_product_type,
    (c.ad_id IS NOT NULL OR c.ad_title IS NOT NULL OR c.original_media_id IS NOT NULL
        OR EXISTS (
            SELECT 1 FROM hookline.ad_sightings
            WHERE ad_sightings.account_id = c.account_id
                AND ad_sightings.comment_id = c.comment_id
        )) AS is_ad,
    c.ad_id,
    c.ad_title,
    c.album_id,
    c.like_count,
    c.hidden,
    c.commented_at,
    c.sent_at,
    c.first_received_at,
    c.last_received_at,
    c.enrichment_status,
    c.enrichment_reason,
    c.deleted_at,
    c.extra,
    c.enriched_at,
    media.permalink,
    media.caption AS media_caption,
    media.posted_at AS media_posted_at
FROM hookline.comments AS c
LEFT JOIN hookline.media
    ON media.media_id = coalesce(c.album_id, c.canonical_media_id, c.graph ->> 'media_id')
"""

MENTIONS = before.MENTIONS.replace("    extra\n", "    extra,\n    enriched_at\n")

STORIES = f"""
SELECT stories.*, media.media_type, media.permalink, media.posted_at
FROM ({before.STORIES}) AS stories
LEFT JOIN hookline.media USING (media_id)
"""  # noqa: S608

VIEWS = {"comments": COMMENTS, "mentions": MENTIONS, "stories": STORIES}


def upgrade() -> None:
    for name, columns in TABLES.items():
        op.execute(f"CREATE TABLE hookline.{name} ({columns})")
    op.execute(
        "CREATE INDEX ix_enrichment_tasks_account_id_priority_due_at "
        "ON hookline.enrichment_tasks (account_id, priority, due_at)"
    )
    op.execute(
        "CREATE INDEX ix_enrichment_tasks_answered_at "
        "ON hookline.enrichment_tasks (answered_at) WHERE answered_at IS NOT NULL"
    )
    op.execute("CREATE INDEX ix_graph_reads_event_id ON hookline.graph_reads (event_id)")
    op.execute("ALTER TABLE hookline.comments ADD COLUMN graph jsonb")
    for name, query in VIEWS.items():
        op.execute(f"CREATE OR REPLACE VIEW analytics.{name} AS {query}")
    op.execute(f"CREATE OR REPLACE VIEW analytics.outcomes AS {OUTCOMES}")


def downgrade() -> None:
    op.execute(f"CREATE OR REPLACE VIEW analytics.outcomes AS {outcomes.OUTCOMES}")
    for name in VIEWS:  # a view loses columns by being made anew only
        op.execute(f"DROP VIEW analytics.{name}")
        op.execute(f"CREATE VIEW analytics.{name} AS {before.VIEWS[name]}")
    op.execute("ALTER TABLE hookline.comments DROP COLUMN graph")
    for name in TABLES:
        op.execute(f"DROP TABLE hookline.{name}")
