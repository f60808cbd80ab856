"""When an answer was asked for, by who wrote or by a person: one that is late is not sent."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE hookline.replies ADD COLUMN asked_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE hookline.replies DROP COLUMN asked_at")
