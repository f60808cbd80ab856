"""What analysts and operators are told about accounts, as time passes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.accounts.account import NOTICE
from hookline.accounts.store import all_accounts
from hookline.enrichment.standing import standings
from runtime.database import transaction
from schemas.tables import accounts, enrichment_tasks

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


async def add(engine: AsyncEngine, account_id: str, **told: object) -> None:
    """An account that was connected a while ago."""
    row = {
        "account_id": account_id,
        "app_id": "1",
        "scopes": [],
        "granular_scopes": [],
        "tasks": [],
        "state": "active",
        "parked_endpoints": {},
        "connected_at": NOW - 60 * DAY,
        "state_changed_at": NOW - 60 * DAY,
    }
    async with transaction(engine) as connection:
        await connection.execute(insert(accounts).values(row | told))


async def health(engine: AsyncEngine) -> dict[str, dict[str, Any]]:
    """The view, by account."""
    async with transaction(engine) as connection:
        rows = await connection.execute(text("SELECT * FROM analytics.account_health"))
        return {row["account_id"]: dict(row) for row in rows.mappings()}


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (None, "active"),
        (NOTICE + DAY, "active"),
        (NOTICE - DAY, "expiring"),
        (-DAY, "expiring"),
    ],
)
@pytest.mark.parametrize("which", ["expires_at", "data_access_expires_at"])
async def test_time_makes_an_account_expire(
    engine: AsyncEngine, which: str, left: timedelta | None, state: str
) -> None:
    """Nobody has to touch it: the view, the lists and the backlog say the same."""
    end = None if left is None else NOW + left
    await add(engine, "1", **{which: end})
    found = (await health(engine))["1"]
    assert (found["state"], found["ends_at"]) == (state, end)
    assert found["token_ends_at" if which == "expires_at" else "data_access_ends_at"] == end
    [account] = await all_accounts(engine)
    assert account.at(datetime.now(UTC)).state == state
    [standing] = await standings(engine)
    assert (standing.state, standing.ends_at) == (state, end)


async def test_what_waits_for_an_account(engine: AsyncEngine) -> None:
    """Also for one that nobody connected, and without one that was."""
    await add(engine, "1", state="parked", state_reason="token_expired", expires_at=NOW - DAY)
    tasks = [
        {
            "account_id": account_id,
            "endpoint": "media",
            "object_id": str(number),
            "event_id": "an event",
            "field": "comments",
            "event": "{}",
            "priority": 2,
            "due_at": NOW + number * DAY,
            "attempts": 0,
            "parked_told": False,
            "created_at": NOW - number * DAY,
        }
        for account_id, number in (("1", 0), ("1", 2), ("2", 5))
    ]
    async with transaction(engine) as connection:
        await connection.execute(insert(enrichment_tasks), tasks)
    await add(engine, "3")
    found = await health(engine)
    told = {
        account_id: (row["state"], row["state_reason"], row["reads_waiting"], row["reads_due"])
        for account_id, row in found.items()
    }
    assert told == {
        "1": ("parked", "token_expired", 2, 1),
        "2": ("not_connected", None, 1, 0),
        "3": ("active", None, 0, 0),
    }
    assert found["1"]["waiting_since"] == NOW - 2 * DAY
    assert found["2"]["next_due_at"] == NOW + 5 * DAY
