"""Which accounts Meta blocks for abuse, known also when a person struck the answer off."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_replies_account_id_due_at ON hookline.replies (account_id, due_at) "
        "WHERE reason = 'blocked_for_abuse'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX hookline.ix_replies_account_id_due_at")
