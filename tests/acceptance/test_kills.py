"""Acknowledged means stored, once: also when every process of the line is killed meanwhile."""

import asyncio
import os
import signal
from collections import Counter

from hookline.embedded.pipeline import Pipeline
from simulator.delivery import Delivery
from simulator.report import Report
from simulator.schedule import RetrySchedule
from simulator.sender import SenderOptions, send
from simulator.target import Target
from simulator.traffic import mixed
from tests.acceptance.conftest import Tables

VICTIMS = (
    *("ingest", "archive", "dedupe", "dedupe-2", "persist", "enrich", "reply", "watchdog"),
    *("postgres", "kafka"),
)
UNREADABLE = {"not_json", "too_deep", "no_entry_list"}
BACK_TIMEOUT_S = 60
SETTLE_TIMEOUT_S = 90


async def test_every_acknowledged_delivery_is_stored_once_over_sigkills(
    pipeline: Pipeline, tables: Tables
) -> None:
    """Each process is killed once while Meta sends; what was answered 200 is there, and once."""
    seen_before = await tables.bodies()
    sending = asyncio.create_task(_send(pipeline, seed=4, deliveries=2900))
    for victim in VICTIMS:
        await _kill(pipeline, victim)
    assert not sending.done(), "the traffic ended before the last kill"
    report = await sending
    assert report.complete, report.summary()

    await _settle(tables)
    acknowledged = report.acknowledged_set()
    stored = await tables.bodies() - seen_before
    assert acknowledged - stored == Counter(), "acknowledged, but not in the archive"

    events = await tables.events()
    sent = _event_ids(report.acknowledged_deliveries())
    assert sent - set(events) == set(), "acknowledged events without a row"
    assert {event: n for event, n in events.items() if n > 1} == {}, "doubled rows"
    reasons = await tables.pairs(
        "SELECT reason, count(*) FROM hookline.dead_letters GROUP BY reason"
    )
    assert set(reasons) <= UNREADABLE, "an outage made dead letters"
    unreadable = sum(not delivery.readable for delivery in report.acknowledged_deliveries())
    assert reasons.total() >= unreadable


async def _send(pipeline: Pipeline, seed: int, deliveries: int) -> Report:
    state = pipeline.state
    target = Target(state.ingest_url, state.app_secret.encode(), state.app_id)
    options = SenderOptions(
        concurrency=16,
        rate_per_s=60,
        remember=True,
        schedule=RetrySchedule(compression=1000.0),
    )
    return await send(target, mixed(seed, deliveries), options)


async def _kill(pipeline: Pipeline, victim: str) -> None:
    """Kills a process, and waits until another one has taken its place."""
    pid = pipeline.state.pids[victim]
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(BACK_TIMEOUT_S):
        while pipeline.state.pids.get(victim, pid) == pid:
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)  # traffic between two kills


async def _settle(tables: Tables) -> None:
    """Returns when the archive grows no more and every change has its outcome."""
    async with asyncio.timeout(SETTLE_TIMEOUT_S):
        archived = -1
        while True:
            now = await tables.number("SELECT count(*) FROM hookline.deliveries")
            if now == archived and await tables.waiting() == 0:
                return
            archived = now
            await asyncio.sleep(1)


def _event_ids(deliveries: list[Delivery]) -> set[str]:
    return {
        change.event_id
        for delivery in deliveries
        for change in delivery.changes
        if change.event_id is not None
    }
