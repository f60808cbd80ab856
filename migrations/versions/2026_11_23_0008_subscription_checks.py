"""How each account's Page and each app are subscribed at Meta, as the watchdog saw it last."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE hookline.subscription_checks (
            app_id text NOT NULL,
            account_id text NOT NULL,
            state text NOT NULL,
            reason text,
            fields text[] NOT NULL,
            checked_at timestamptz NOT NULL,
            state_changed_at timestamptz NOT NULL,
            repair_tried_at timestamptz,
            repaired_at timestamptz,
            activity text NOT NULL,
            activity_changed_at timestamptz NOT NULL,
            last_received_at timestamptz,
            CONSTRAINT pk_subscription_checks PRIMARY KEY (app_id, account_id)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE hookline.subscription_checks")
