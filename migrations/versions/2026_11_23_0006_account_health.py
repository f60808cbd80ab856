"""How each account stands. That it is about to end is a matter of time, and no longer stored."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The week is that of `hookline.accounts.account.NOTICE`.
ACCOUNT_HEALTH = """
SELECT
    account_id,
    a.username,
    a.page_id,
    a.page_name,
    CASE
        WHEN a.state IS NULL THEN 'not_connected'
        WHEN a.state <> 'active' THEN a.state
        WHEN least(a.expires_at, a.data_access_expires_at) - now() < interval '7 days'
            THEN 'expiring'
        ELSE 'active'
    END AS state,
    a.state_reason,
    a.parked_endpoints,
    a.expires_at AS token_ends_at,
    a.data_access_expires_at AS data_access_ends_at,
    least(a.expires_at, a.data_access_expires_at) AS ends_at,
    a.connected_at,
    a.state_changed_at,
    coalesce(t.waiting, 0) AS reads_waiting,
    coalesce(t.due, 0) AS reads_due,
    t.waiting_since,
    t.next_due_at,
    u.used_percent,
    u.blocked_until
FROM hookline.accounts AS a
FULL JOIN (
    SELECT account_id, count(*) AS waiting, count(*) FILTER (WHERE due_at <= now()) AS due,
        min(created_at) AS waiting_since, min(due_at) AS next_due_at
    FROM hookline.enrichment_tasks GROUP BY account_id
) AS t USING (account_id)
LEFT JOIN (
    SELECT account_id, max(used_percent) AS used_percent,
        max(blocked_until) FILTER (WHERE blocked_until > now()) AS blocked_until
    FROM hookline.graph_usage WHERE pool = 'account' GROUP BY account_id
) AS u USING (account_id)
"""


def upgrade() -> None:
    op.execute("UPDATE hookline.accounts SET state = 'active' WHERE state = 'expiring'")
    op.execute(f"CREATE VIEW analytics.account_health AS {ACCOUNT_HEALTH}")


def downgrade() -> None:
    op.execute("DROP VIEW analytics.account_health")
