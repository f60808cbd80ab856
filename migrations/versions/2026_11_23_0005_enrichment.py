"""Accounts, the Graph API's budget, reads that wait, what was answered, and media."""

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
        calls double precision NOT NULL,
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


def downgrade() -> None:
    op.execute("ALTER TABLE hookline.comments DROP COLUMN graph")
    for name in TABLES:
        op.execute(f"DROP TABLE hookline.{name}")
