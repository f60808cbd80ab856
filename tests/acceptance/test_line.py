"""The running line, from a signed delivery to rows, in its odd cases."""

import asyncio

from hookline.embedded.pipeline import Pipeline
from simulator.delivery import Delivery
from simulator.report import Report
from simulator.sender import SenderOptions, send
from simulator.target import Target
from simulator.traffic import big
from tests.acceptance.conftest import Tables

ARRIVAL_TIMEOUT_S = 60


async def test_a_body_of_26_mb_becomes_a_thousand_rows(pipeline: Pipeline, tables: Tables) -> None:
    """The largest delivery that Meta can make goes from ingest to its rows."""
    delivery = big(seed=77)
    report = await _send(pipeline, [delivery])
    assert report.acknowledged == 1, report.summary()
    wanted = {change.event_id for change in delivery.changes}
    async with asyncio.timeout(ARRIVAL_TIMEOUT_S):
        while not wanted <= set(await tables.events()):
            await asyncio.sleep(0.5)
    [digest] = report.acknowledged_set()
    async with asyncio.timeout(ARRIVAL_TIMEOUT_S):
        while (await tables.bodies())[digest] != 1:
            await asyncio.sleep(0.5)


async def _send(pipeline: Pipeline, deliveries: list[Delivery]) -> Report:
    state = pipeline.state
    target = Target(state.ingest_url, state.app_secret.encode(), state.app_id)
    return await send(target, deliveries, SenderOptions(remember=True))
