"""The budget against a Graph API that counts, refuses, and tells whole percents late."""

from random import Random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from simulator.graph.faults import Fault
from simulator.graph.options import DAY_S
from simulator.graph.usage import Limit
from tests.integration.broker import Broker, until
from tests.integration.enriching import (
    ACCOUNT,
    OTHER,
    Enrichment,
    bodies,
    comments,
    enriching,
    options,
)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pool", ["account", "app"])
async def test_a_budget_is_used_up_and_not_exceeded(
    engine: AsyncEngine, database_url: str, broker: Broker, pool: str, seed: int
) -> None:
    """Smaller than the backlog, shared by replicas: 95 % of it, and not one call is refused.

    That of an account, and that of the app, which two accounts share.
    """
    drawn = Random(seed)
    limit = Limit(drawn.randrange(200, 1200), DAY_S, told_after=drawn.choice((1, 5, 20)))
    given: dict[str, Any] = {f"{pool}_limit": limit, "seed": seed}
    async with enriching(engine, database_url, broker, options(**given)) as enrichment:
        # Answers overtake each other.
        enrichment.fails(Fault(kind="slow", delay_ms=drawn.randrange(200), probability=0.5))
        accounts = (ACCOUNT, OTHER) if pool == "app" else (ACCOUNT,)
        for account_id in accounts:
            await enrichment.connect(account_id)
            some = comments(limit.calls, first=int(account_id[-1]) * 10_000)
            await enrichment.store(bodies(*some, account=account_id))
        async with enrichment.replicas(drawn.randrange(1, 4)):
            await until(lambda: _spent(enrichment, pool))
        spent = used(enrichment, pool)
        assert spent["throttled"] == 0
        assert 0.95 * limit.calls <= spent["peak"] < limit.calls
        assert enrichment.graph.statistics.batches > 0
        assert await enrichment.waiting() > 0
        assert {reads.calls for reads in enrichment.reads.values()} == {1}


def used(enrichment: Enrichment, pool: str) -> dict[str, int]:
    """What the Graph API counted."""
    summary = enrichment.graph.summary()
    counted: dict[str, int] = summary["app"] if pool == "app" else summary["accounts"][ACCOUNT]
    return counted


async def _spent(enrichment: Enrichment, pool: str) -> bool:
    """Whether nobody calls any more, and everybody knows that the target is reached."""
    return bool(
        await enrichment.scalar(
            f"SELECT reserved = 0 AND used_percent >= 95 FROM hookline.graph_usage "
            f"WHERE pool = '{pool}' ORDER BY used_percent DESC NULLS LAST LIMIT 1"
        )
    )
