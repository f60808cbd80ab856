"""The few deliveries of several fields, found without reading all of them."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX deliveries_several_fields ON hookline.deliveries (received_at) "
        "WHERE cardinality(fields) > 1"
    )


def downgrade() -> None:
    op.execute("DROP INDEX hookline.deliveries_several_fields")
