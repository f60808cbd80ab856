"""Reads whose rows do not tell yet what they wait for, found without looking at all the others."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_enrichment_tasks_account_id ON hookline.enrichment_tasks (account_id) "
        "WHERE NOT parked_told AND answered_at IS NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX hookline.ix_enrichment_tasks_account_id")
