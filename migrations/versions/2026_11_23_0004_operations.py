"""Breakers, lost offset ranges, operator actions; who moved a dead letter, and when."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = {
    "breakers": """
        stage text NOT NULL,
        opened_at timestamptz NOT NULL,
        reason text NOT NULL,
        closed_at timestamptz,
        CONSTRAINT pk_breakers PRIMARY KEY (stage)
    """,
    "gaps": """
        consumer_group text NOT NULL,
        topic text NOT NULL,
        partition bigint NOT NULL,
        first_offset bigint NOT NULL,
        next_offset bigint NOT NULL,
        detected_at timestamptz NOT NULL,
        CONSTRAINT pk_gaps PRIMARY KEY (consumer_group, topic, partition, first_offset)
    """,
    "operations": """
        operation_id uuid NOT NULL,
        verb text NOT NULL,
        arguments jsonb NOT NULL,
        actor text NOT NULL,
        state text NOT NULL,
        counts jsonb NOT NULL,
        checkpoint jsonb,
        started_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_operations PRIMARY KEY (operation_id)
    """,
}


def upgrade() -> None:
    for name, columns in TABLES.items():
        op.execute(f"CREATE TABLE hookline.{name} ({columns})")
    op.execute(
        "CREATE INDEX ix_operations_verb_started_at ON hookline.operations (verb, started_at)"
    )
    op.execute(
        "ALTER TABLE hookline.dead_letters "
        "ADD COLUMN state_changed_at timestamptz, ADD COLUMN operation_id uuid"
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE hookline.dead_letters DROP COLUMN state_changed_at, DROP COLUMN operation_id"
    )
    for name in TABLES:
        op.execute(f"DROP TABLE hookline.{name}")
