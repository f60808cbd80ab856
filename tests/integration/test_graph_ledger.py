"""The budget that all replicas share."""

import asyncio
from datetime import timedelta
from math import floor
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.budget.ledger import Grant, Ledger
from graph.budget.pool import Outcome
from runtime.metrics import GRAPH_BUDGET_USED

APP: Final = "1001"
ACCOUNT: Final = "17841400000000001"
UNTOLD: Final = Outcome(ended=1, counted=1)


class Meta:
    """The platform's side: it counts calls, and tells whole percents."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.made = 0
        self.refused = 0

    async def call(self, count: int) -> Outcome:
        """So many calls, one after the other."""
        for _ in range(count):
            await asyncio.sleep(0)
            self.refused += self.made >= self.limit
            self.made += 1
        return Outcome(count, count, float(floor(100 * self.made / self.limit)))


def ledger(engine: AsyncEngine, call_timeout_s: float = 60) -> Ledger:
    """One replica's."""
    return Ledger(engine, target_utilisation=0.95, call_timeout_s=call_timeout_s)


async def settle(one: Ledger, grant: Grant, told: Outcome) -> None:
    """The account's pool was told something; the app's only that calls were made."""
    app = Outcome(told.ended, told.counted, 0.0)
    await one.settle(grant, {"app": app, "account": told})


async def test_replicas_use_the_budget_up_and_no_more(engine: AsyncEngine) -> None:
    """All at once, with a backlog that is greater than what there is."""
    meta = Meta(limit=2000)

    async def replica() -> None:
        one, idle = ledger(engine), 0
        while idle < 20:
            grant = await one.reserve(APP, ACCOUNT, 50)
            idle = 0 if grant.calls else idle + 1
            if grant.calls:
                await settle(one, grant, await meta.call(grant.calls))
            else:
                await asyncio.sleep(0.005)

    await asyncio.gather(*(replica() for _ in range(3)))
    assert meta.refused == 0
    assert 0.95 * meta.limit <= meta.made < 0.97 * meta.limit


async def test_urgent_calls_have_a_reserve(engine: AsyncEngine) -> None:
    """When the others have used their share up, a live comment can still be read."""
    one = ledger(engine)
    grant = await one.reserve(APP, ACCOUNT, 1)
    await settle(one, grant, Outcome(ended=1, counted=950, used_percent=95.0))
    assert (await one.reserve(APP, ACCOUNT, 1)).calls == 0
    assert (await one.reserve(APP, ACCOUNT, 1, urgent=True)).calls == 1


async def test_a_block_holds_for_its_account_alone(engine: AsyncEngine) -> None:
    """Nobody calls for it before its time is up; others go on."""
    one, other = ledger(engine), ledger(engine)
    grant = await one.reserve(APP, ACCOUNT, 1)
    blocked = Outcome(ended=1, counted=1, used_percent=100.0, blocked_for=timedelta(minutes=7))
    await settle(one, grant, blocked)
    refused = await other.reserve(APP, ACCOUNT, 1, urgent=True)
    assert refused.calls == 0
    assert timedelta(minutes=6) < refused.not_before - refused.at <= timedelta(minutes=7)
    assert (await other.reserve(APP, "17841400000000002", 1)).calls == 1


async def test_a_block_of_the_app_holds_for_all(engine: AsyncEngine) -> None:
    """The app's own pool is every account's."""
    one = ledger(engine)
    grant = await one.reserve(APP, ACCOUNT, 1)
    blocked = Outcome(ended=1, counted=1, used_percent=100.0, blocked_for=timedelta(minutes=7))
    await one.settle(grant, {"app": blocked, "account": UNTOLD})
    assert (await one.reserve(APP, "17841400000000002", 1)).calls == 0
    assert (await one.reserve("1002", ACCOUNT, 1)).calls == 1


async def test_calls_of_a_dead_replica_count_as_made(engine: AsyncEngine) -> None:
    """Its reservation is given back by time."""
    one = ledger(engine, call_timeout_s=0.2)
    assert (await one.reserve(APP, ACCOUNT, 50)).calls == 1
    assert (await ledger(engine).reserve(APP, ACCOUNT, 1)).calls == 0
    await asyncio.sleep(0.3)
    assert (await one.reserve(APP, ACCOUNT, 1)).calls == 1
    async with engine.connect() as connection:
        found = await connection.execute(text("SELECT pool, unreported FROM hookline.graph_usage"))
        assert {(row.pool, row.unreported) for row in found} == {("app", 1), ("account", 1)}


async def test_what_meta_says_is_used_is_a_metric(engine: AsyncEngine) -> None:
    """As a share: of the account, and of the app, which has no account's name."""
    one = ledger(engine)
    told = Outcome(ended=1, counted=1, used_percent=41.0)
    await settle(one, await one.reserve(APP, ACCOUNT, 1), told)
    used = {
        sample.labels["account"]: sample.value
        for family in GRAPH_BUDGET_USED.collect()
        for sample in family.samples
    }
    assert (used[ACCOUNT], used[""]) == (0.41, 0.0)
