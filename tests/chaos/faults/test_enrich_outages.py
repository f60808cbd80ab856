"""An hour in which the Graph API fails: nothing is given up, and all is read afterwards."""

import asyncio
from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from schemas.topics import DEAD_LETTERS
from simulator.graph.faults import Fault
from tests.integration.broker import Broker, until
from tests.integration.enriching import ACCOUNT, Enrichment, bodies, comments, enriching

HOUR: Final = timedelta(hours=1)
STEP: Final = timedelta(minutes=5)

OUTAGES: Final = {
    "turned away": (Fault(kind="status", status=503),),
    "slow": (Fault(kind="slow", delay_ms=5000),),
    "dropped": (Fault(kind="drop_before"),),
    "garbage": (Fault(kind="garbage"),),
    "in trouble": (Fault(kind="error", code=2),),
    "unfinished": (Fault(kind="unfinished"),),
}


async def outcome_of(enrichment: Enrichment) -> set[tuple[str, str | None]]:
    """How the rows of comments stand."""
    rows = await enrichment.rows(
        "SELECT DISTINCT enrichment_status, enrichment_reason FROM hookline.comments"
    )
    return {(row["enrichment_status"], row["enrichment_reason"]) for row in rows}


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_hour_without_answers_loses_nothing(
    engine: AsyncEngine, database_url: str, broker: Broker, outage: str
) -> None:
    """Time is compressed: what waits for its next turn has waited five minutes more, twelve
    times."""
    async with enriching(engine, database_url, broker, timeout_s=0.3) as enrichment:
        await enrichment.connect()
        enrichment.fails(*OUTAGES[outage])
        before, letters = await enrichment.ends(), await broker.ends([DEAD_LETTERS])
        await enrichment.store(bodies(*comments(7)))
        async with enrichment.replicas(2):
            for _ in range(HOUR // STEP):
                await until(lambda: _all_tried(enrichment))
                await enrichment.time_passes(STEP)
            assert await enrichment.waiting() == 8
            enrichment.fails()
            await until(lambda: _all_read(enrichment))
        await enrichment.merged(before)
        assert await outcome_of(enrichment) == {("done", None)}
        assert await enrichment.scalar("SELECT count(*) FROM hookline.dead_letters") == 0
        assert await broker.ends([DEAD_LETTERS]) == letters


async def test_an_outage_of_the_graph_api_is_told(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    """The worker is not ready while it lasts, and is afterwards."""
    async with enriching(engine, database_url, broker) as enrichment:
        await enrichment.connect()
        enrichment.fails(*OUTAGES["turned away"])
        await enrichment.store(bodies(*comments(200)))
        async with enrichment.replicas():
            await until(lambda: enrichment.readiness.reasons == ["enrich"])
            enrichment.fails()
            await until(lambda: _all_read(enrichment))
            await until(lambda: not enrichment.readiness.reasons)


async def test_an_hour_without_the_worker_loses_nothing(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    """What came meanwhile is read once when it is back."""
    async with enriching(engine, database_url, broker) as enrichment:
        await enrichment.connect()
        before = await enrichment.ends()
        await enrichment.store(bodies(*comments(60)))
        assert await outcome_of(enrichment) == {("pending", None)}
        await enrichment.time_passes(HOUR)
        async with enrichment.replicas():
            await until(enrichment.done)
        await enrichment.merged(before)
        assert await outcome_of(enrichment) == {("done", None)}
        assert {reads.calls for reads in enrichment.reads.values()} == {1}


@pytest.mark.parametrize("code", [4, 17, 32, 341, 613, 80001, 80002, 80006])
async def test_an_hour_of_throttling_counts_for_nothing(
    engine: AsyncEngine, database_url: str, broker: Broker, code: int
) -> None:
    """Nobody calls meanwhile, no attempt is counted, and all is read afterwards."""
    async with enriching(engine, database_url, broker) as enrichment:
        await enrichment.connect()
        enrichment.fails(Fault(kind="error", code=code))
        before = await enrichment.ends()
        await enrichment.store(bodies(*comments(60)))
        async with enrichment.replicas(2):
            await until(enrichment.graph.faults.made.total)
            await asyncio.sleep(1.2)
        assert enrichment.calls == 1
        assert await enrichment.rows(
            "SELECT DISTINCT attempts, leased_until FROM hookline.enrichment_tasks"
        ) == [{"attempts": 0, "leased_until": None}]
        enrichment.fails()
        await enrichment.time_passes(HOUR)
        async with enrichment.replicas(2):
            await until(enrichment.done)
        await enrichment.merged(before)
        assert await outcome_of(enrichment) == {("done", None)}
        assert enrichment.graph.summary()["accounts"][ACCOUNT]["throttled"] == 0


async def _all_tried(enrichment: Enrichment) -> bool:
    """Whether everything waits for its next turn."""
    query = "SELECT bool_and(attempts > 0 AND due_at > now()) FROM hookline.enrichment_tasks"
    return bool(await enrichment.scalar(query))


async def _all_read(enrichment: Enrichment) -> bool:
    """Whether nothing waits any more; what would wait for its next turn does not."""
    await enrichment.time_passes(STEP)
    return await enrichment.done()
