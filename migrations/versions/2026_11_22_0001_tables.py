"""Deliveries, sightings, claims, the tables of the four fields, other events, dead letters."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CONTENTS = """
    delivery_id uuid NOT NULL,
    position text NOT NULL,
    content_hash text NOT NULL,
    contents jsonb
"""

ENRICHMENT = """
    enrichment_status text DEFAULT 'pending' NOT NULL,
    enrichment_reason text,
    enriched_at timestamptz,
    deleted_at timestamptz
"""

TABLES = {
    "deliveries": """
        received_at timestamptz NOT NULL,
        delivery_id uuid NOT NULL,
        body bytea NOT NULL,
        sha256 text NOT NULL,
        signature text NOT NULL,
        app_id text NOT NULL,
        fields text[] NOT NULL,
        changes jsonb NOT NULL,
        source text NOT NULL,
        CONSTRAINT pk_deliveries PRIMARY KEY (received_at, delivery_id)
    """,
    "sightings": """
        received_at timestamptz NOT NULL,
        delivery_id uuid NOT NULL,
        position text NOT NULL,
        event_id text NOT NULL,
        content_hash text NOT NULL,
        sent_at timestamptz,
        verdict text NOT NULL,
        CONSTRAINT pk_sightings PRIMARY KEY (received_at, delivery_id, position)
    """,
    "claims": """
        event_id text NOT NULL,
        content_hash text NOT NULL,
        delivery_id uuid NOT NULL,
        position text NOT NULL,
        received_at timestamptz NOT NULL,
        CONSTRAINT pk_claims PRIMARY KEY (event_id, content_hash)
    """,
    "comments": f"""
        account_id text NOT NULL,
        comment_id text NOT NULL,
        field text NOT NULL,
        text text,
        from_id text,
        from_username text,
        is_own boolean,
        parent_id text,
        media_id text,
        media_product_type text,
        ad_id text,
        ad_title text,
        original_media_id text,
        canonical_media_id text,
        album_id text,
        commented_at timestamptz,
        like_count bigint,
        hidden boolean,
        first_received_at timestamptz NOT NULL,
        last_received_at timestamptz NOT NULL,
        sent_at timestamptz,
        {ENRICHMENT},
        extra jsonb,
        {CONTENTS},
        CONSTRAINT pk_comments PRIMARY KEY (account_id, comment_id, field)
    """,
    "ad_sightings": f"""
        account_id text NOT NULL,
        comment_id text NOT NULL,
        media_id text NOT NULL,
        ad_id text NOT NULL,
        ad_title text,
        original_media_id text,
        first_received_at timestamptz NOT NULL,
        {CONTENTS},
        CONSTRAINT pk_ad_sightings PRIMARY KEY (account_id, comment_id, media_id, ad_id)
    """,
    "mentions": f"""
        account_id text NOT NULL,
        media_id text NOT NULL,
        comment_id text NOT NULL,
        kind text NOT NULL,
        text text,
        media_type text,
        media_url text,
        username text,
        mentioned_at timestamptz,
        like_count bigint,
        first_received_at timestamptz NOT NULL,
        last_received_at timestamptz NOT NULL,
        sent_at timestamptz,
        {ENRICHMENT},
        extra jsonb,
        {CONTENTS},
        CONSTRAINT pk_mentions PRIMARY KEY (account_id, media_id, comment_id)
    """,
    "story_insights": f"""
        account_id text NOT NULL,
        media_id text NOT NULL,
        metric text NOT NULL,
        value bigint,
        suppressed boolean NOT NULL,
        received_at timestamptz NOT NULL,
        sent_at timestamptz,
        {CONTENTS},
        CONSTRAINT pk_story_insights PRIMARY KEY (account_id, media_id, metric)
    """,
    "other_events": f"""
        event_id text NOT NULL,
        platform_field text,
        object text,
        account_id text,
        value jsonb NOT NULL,
        is_test boolean NOT NULL,
        received_at timestamptz NOT NULL,
        sent_at timestamptz,
        {CONTENTS},
        CONSTRAINT pk_other_events PRIMARY KEY (event_id)
    """,
    "dead_letters": """
        dead_letter_id uuid NOT NULL,
        state text DEFAULT 'parked' NOT NULL,
        stage text NOT NULL,
        reason text NOT NULL,
        detail text NOT NULL,
        fingerprint text NOT NULL,
        attempts smallint DEFAULT 1 NOT NULL,
        source_topic text NOT NULL,
        source_partition bigint NOT NULL,
        source_offset bigint NOT NULL,
        delivery_id uuid,
        key bytea,
        value bytea,
        headers jsonb NOT NULL,
        version text NOT NULL,
        first_failed_at timestamptz NOT NULL,
        parked_at timestamptz NOT NULL,
        CONSTRAINT pk_dead_letters PRIMARY KEY (dead_letter_id)
    """,
}

PARTITIONED = ("deliveries", "sightings")

INDEXES = {
    "comments": "account_id, first_received_at",
    "mentions": "account_id, first_received_at",
    "other_events": "platform_field, received_at",
    "dead_letters": "state, stage, reason",
}


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS hookline")
    for name, columns in TABLES.items():
        by_month = " PARTITION BY RANGE (received_at)" if name in PARTITIONED else ""
        op.execute(f"CREATE TABLE hookline.{name} ({columns}){by_month}")
    for name in PARTITIONED:
        op.execute(f"CREATE TABLE hookline.{name}_default PARTITION OF hookline.{name} DEFAULT")
    for name, columns in INDEXES.items():
        suffix = columns.replace(", ", "_")
        op.execute(f"CREATE INDEX ix_{name}_{suffix} ON hookline.{name} ({columns})")


def downgrade() -> None:
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE hookline.{name}")
