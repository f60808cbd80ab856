"""Answers to mentions and comments: the outbox from which each is sent once at most."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = {
    # An event is answered by one rule, whatever the rules become; a person may answer it besides.
    "UNIQUE INDEX ix_replies_event_id": "(event_id) WHERE rule <> 'manual'",
    "INDEX ix_replies_state_due_at": (
        "(state, due_at) WHERE state IN ('planned', 'sending', 'unknown')"
    ),
    "INDEX ix_replies_account_id_sending_at": "(account_id, sending_at)",
    "INDEX ix_replies_reply_id": "(reply_id) WHERE reply_id IS NOT NULL",
}


def upgrade() -> None:
    op.execute("""
        CREATE TABLE hookline.replies (
            reply_key text NOT NULL,
            account_id text NOT NULL,
            event_id text NOT NULL,
            rule text NOT NULL,
            kind text NOT NULL,
            media_id text,
            comment_id text,
            thread_id text,
            person text,
            message text NOT NULL,
            dry_run boolean NOT NULL,
            state text NOT NULL,
            reason text,
            reply_id text,
            attempts bigint NOT NULL,
            due_at timestamptz,
            leased_until timestamptz,
            created_at timestamptz NOT NULL,
            sending_at timestamptz,
            settled_at timestamptz,
            looked_at timestamptz,
            CONSTRAINT pk_replies PRIMARY KEY (reply_key)
        )
    """)
    for index, what in INDEXES.items():
        op.execute(f"CREATE {index} ON hookline.replies {what}")


def downgrade() -> None:
    op.execute("DROP TABLE hookline.replies")
