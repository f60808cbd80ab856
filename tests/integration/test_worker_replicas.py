"""Replicas of one worker share its records: whoever joins, leaves or is late, none is lost."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

import runtime.loop
from runtime.worker import Outcome, Record
from tests.integration.broker import Broker, until
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.replica import Line, new_line, running


async def _committed(line: Line, count: int) -> bool:
    return await line.committed() == count


async def test_replicas_that_join_and_leave_lose_nothing(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Each record is handled and its result published, and everything is committed."""

    async def effect(records: Sequence[Record]) -> Outcome:
        await asyncio.sleep(0.01)
        return line.echo(records)

    line = await new_line(broker, effect, partitions=4)
    settings = worker_settings(worker_max_records=10)
    before = await broker.ends([line.out])
    values = await line.feed(settings, 400)
    async with AsyncExitStack() as seconds:
        async with running(line, settings):
            await until(lambda: len(line.calls) > 3)
            second = await seconds.enter_async_context(running(line, settings))
            await until(lambda: second.readiness.reasons == [])
            values += await line.feed(settings, 200, start=400)
        values += await line.feed(settings, 100, start=600)
        await until(lambda: _committed(line, len(values)))
    assert {value for call in line.calls for value in call} == set(values)
    assert {record.value for record in await broker.new_records(before)} == set(values)


async def test_a_refused_commit_is_survived(
    broker: Broker, worker_settings: MakeWorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that is late for a rebalance commits nothing, and works on what is its own now."""
    monkeypatch.setattr(runtime.loop, "REVOKE_TIMEOUT_S", 0.2)
    going_on = asyncio.Event()

    async def effect(records: Sequence[Record]) -> Outcome:
        if not going_on.is_set():
            await going_on.wait()
        return line.echo(records)

    line = await new_line(broker, effect, partitions=2)
    settings = worker_settings()
    values = await line.feed(settings, 20)
    with capture_logs() as logs:
        async with running(line, settings) as late:
            await until(lambda: line.calls)
            async with running(line, settings) as joining:
                await until(lambda: joining.readiness.reasons == [])
                going_on.set()
                await until(lambda: any(entry["event"] == "commit_refused" for entry in logs))
                values += await line.feed(settings, 20, start=20)
                await until(lambda: _committed(line, 40))
                assert not late.running.done()
                assert not joining.running.done()
    assert {value for call in line.calls for value in call} == set(values)
