"""Commits beside the work: what they wait for, what waits for them, what becomes of a late one."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from structlog.testing import capture_logs

import runtime.commits
from runtime.commits import Commits
from runtime.health import Readiness
from runtime.kafka import new_consumer, start_client, stop_client
from runtime.retry import Retry
from runtime.worker import Outcome, Record
from schemas.settings import WorkerSettings
from schemas.topics import consumer_group
from tests.integration.broker import Broker, until
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.replica import Line, new_line, running


async def _committed(line: Line, count: int) -> bool:
    return await line.committed() == count


async def test_the_next_batch_does_not_wait_for_the_commit(
    broker: Broker, worker_settings: MakeWorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is handled while offsets are on their way, here of the beginning; then the newest go."""
    held = Held(monkeypatch)

    async def effect(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, effect)
    values = await line.feed(worker_settings(), 9)
    async with running(line, worker_settings(worker_max_records=3)):
        await until(lambda: len(line.calls) == 3)
        assert await line.committed() == 0
        held.let_go.set()
        await until(lambda: _committed(line, 9))
    assert [value for call in line.calls for value in call] == values
    assert held.commits == [0, 9]


class Held:
    """Keeps every commit from Kafka until it is let go, and notes the offset of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let_go = asyncio.Event()
        self.commits: list[int] = []
        commit = AIOKafkaConsumer.commit
        held = self

        async def held_commit(consumer: object, offsets: dict[TopicPartition, int]) -> None:
            held.commits += offsets.values()
            await held.let_go.wait()
            await commit(consumer, offsets)

        monkeypatch.setattr(AIOKafkaConsumer, "commit", held_commit)


async def test_stopping_waits_for_the_commit(
    broker: Broker, worker_settings: MakeWorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done is not repeated by whoever comes next."""
    held = Held(monkeypatch)

    async def effect(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, effect)
    await line.feed(worker_settings(), 3)
    async with running(line, worker_settings()) as replica:
        await until(lambda: held.commits and line.calls)
        replica.stop.set()
        await asyncio.sleep(0.3)
        assert not replica.running.done()
        held.let_go.set()
        await replica.ended()
    assert await line.committed() == 3


async def test_a_rebalance_waits_for_the_commit(
    broker: Broker, worker_settings: MakeWorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next owner of the partitions begins where this one ended."""
    held = Held(monkeypatch)

    async def effect(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, effect, partitions=2)
    values = await line.feed(worker_settings(), 20)
    async with running(line, worker_settings()):
        await until(lambda: held.commits and sum(map(len, line.calls)) == 20)
        async with running(line, worker_settings()) as joining:
            await asyncio.sleep(3)
            assert joining.readiness.reasons == ["starting"]
            held.let_go.set()
            await until(lambda: joining.readiness.reasons == [])
            assert await line.committed() == 20
    assert sorted(value for call in line.calls for value in call) == sorted(values)


async def test_a_refused_commit_ends_the_work_on_what_was_read_before(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """The group has given the partitions away: nothing is held until it gives some again."""
    topic, group = await broker.topic(), consumer_group(f"test-{id(broker)}")
    settings = worker_settings()
    consumer = new_consumer(settings, group)
    await start_client(consumer, settings.kafka_bootstrap)
    commits = Commits(consumer, Retry(Readiness(), "commit"), lambda _: None)
    committing = asyncio.create_task(commits.run())
    try:
        consumer.subscribe([topic])
        await until(consumer.assignment)
        commits.begin_tenure()
        consumer._coordinator.generation += 1  # as if the group had gone on without us
        with capture_logs() as logs:
            commits.add(1, {TopicPartition(topic, 0): 1})
            await commits.settled()
        assert [entry["event"] for entry in logs] == ["commit_refused"]
        assert not commits.holds(1)
        commits.begin_tenure()
        assert (commits.holds(1), commits.holds(2)) == (False, True)
    finally:
        committing.cancel()
        await asyncio.gather(committing, return_exceptions=True)
        await stop_client(consumer)


async def test_a_commit_that_kafka_does_not_answer_is_repeated(
    broker: Broker, worker_settings: MakeWorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not ready meanwhile, nothing further is begun, and nothing is done twice."""
    monkeypatch.setattr(runtime.commits, "COMMIT_TIMEOUT_S", 0.5)
    paused = ExitStack()

    async def effect(_: Sequence[Record]) -> Outcome:
        paused.enter_context(broker.paused())
        return Outcome()

    line = await new_line(broker, effect)
    await line.feed(worker_settings(), 3)
    with paused:
        async with running(line, worker_settings()) as replica:
            await until(lambda: line.calls and "commit" in replica.readiness.reasons)
            paused.close()
            await until(lambda: _committed(line, 3))
            await until(lambda: replica.readiness.reasons == [])
    assert len(line.calls) == 1


async def test_stopping_does_not_wait_for_a_commit_that_fails(
    broker: Broker, worker_settings: MakeWorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka is away: the records come again."""
    monkeypatch.setattr(runtime.commits, "COMMIT_TIMEOUT_S", 0.3)
    held = Held(monkeypatch)

    async def effect(_: Sequence[Record]) -> Outcome:
        return Outcome()

    line = await new_line(broker, effect)
    await line.feed(worker_settings(), 3)
    settings: WorkerSettings = worker_settings(drain_timeout_s=600)
    async with running(line, settings) as replica:
        await until(lambda: "commit" in replica.readiness.reasons)
        replica.stop.set()
        await replica.ended()
    assert len(held.commits) > 0
    assert await line.committed() == 0
