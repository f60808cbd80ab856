"""Offsets that Kafka no longer has: told, never skipped silently, and gone on from."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from prometheus_client import REGISTRY
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

import runtime.lag
from runtime.database import transaction
from runtime.kafka import new_consumer, start_client, stop_client
from runtime.worker import Outcome, Record
from schemas.settings import WorkerSettings
from schemas.tables import breakers, gaps
from schemas.topics import consumer_group
from tests.integration.broker import Broker, until
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.replica import Line, new_line, running


@pytest.fixture
def settings(worker_settings: MakeWorkerSettings, database_url: str) -> WorkerSettings:
    """On a database of the test's own."""
    return worker_settings(database_url=database_url, worker_max_records=5)


async def found(engine: AsyncEngine) -> list[tuple[object, ...]]:
    """The rows, but for their time."""
    columns = (gaps.c.consumer_group, gaps.c.topic, gaps.c.first_offset, gaps.c.next_offset)
    async with transaction(engine) as connection:
        return [tuple(row) for row in await connection.execute(select(*columns))]


async def lose(broker: Broker, topic: str, before_offset: int) -> None:
    """Kafka deletes the beginning, as its retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        deleted = {TopicPartition(topic, 0): RecordsToDelete(before_offset)}
        await admin.delete_records(deleted)
    finally:
        await admin.close()


async def _committed(line: Line, count: int) -> bool:
    return await line.committed() == count


def _handled(line: Line) -> list[bytes]:
    return [value for call in line.calls for value in call]


async def new_echo(broker: Broker) -> Line:
    """A line that passes everything on."""

    async def echo(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, echo)
    return line


async def test_a_new_group_begins_at_the_first_record_without_a_gap(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine
) -> None:
    """Nothing is gone that it could have read."""
    line = await new_echo(broker)
    values = await line.feed(settings, 10)
    async with running(line, settings):
        await until(lambda: _committed(line, 10))
    assert _handled(line) == values
    assert await found(engine) == []


async def test_a_group_without_a_place_tells_what_is_gone_before_it_begins(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine
) -> None:
    """It may be new, or Kafka has forgotten its offsets: what it had read of that is unknown."""
    line = await new_echo(broker)
    values = await line.feed(settings, 10)
    await lose(broker, line.topic, 4)
    with capture_logs() as logs:
        async with running(line, settings):
            await until(lambda: _committed(line, 10))
    assert _handled(line) == values[4:]
    assert await found(engine) == [(consumer_group(line.name), line.topic, 0, 4)]
    assert [one["lost_records"] for one in logs if one["event"] == "gap"] == ["unknown"]


async def test_a_place_that_is_gone_while_the_breaker_holds_is_told_afterwards(
    broker: Broker,
    settings: WorkerSettings,
    engine: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever looks at the lag comes upon it first, and leaves it to the loop."""
    monkeypatch.setattr(runtime.lag, "LOOK_INTERVAL_S", 0.1)
    line = await new_echo(broker)
    values = await line.feed(settings, 10)
    await _commit(settings, line, 2)
    await lose(broker, line.topic, 5)
    await _hold(engine, line.name, held=True)
    async with running(line, settings) as replica:
        await until(lambda: replica.readiness.reasons == ["breaker_open"])
        for _ in range(30):
            await asyncio.sleep(0.1)
            assert replica.readiness.reasons == ["breaker_open"]
        await _hold(engine, line.name, held=False)
        await until(lambda: _committed(line, 10))
    assert _handled(line) == values[5:]
    assert await found(engine) == [(consumer_group(line.name), line.topic, 2, 5)]


async def _hold(engine: AsyncEngine, stage: str, *, held: bool) -> None:
    now = datetime.now(UTC)
    closed_at = None if held else now
    row = insert(breakers).values(stage=stage, opened_at=now, reason="by hand")
    async with transaction(engine) as connection:
        await connection.execute(
            row.on_conflict_do_update(
                index_elements=[breakers.c.stage], set_={"closed_at": closed_at}
            )
        )


async def test_a_group_that_has_read_nothing_yet_knows_what_it_lost(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine
) -> None:
    """The place where it began is committed."""
    line = await new_echo(broker)
    async with running(line, settings):
        await until(lambda: broker.committed(consumer_group(line.name)))
    values = await line.feed(settings, 10)
    await lose(broker, line.topic, 4)
    async with running(line, settings):
        await until(lambda: _committed(line, 10))
    assert _handled(line) == values[4:]
    assert await found(engine) == [(consumer_group(line.name), line.topic, 0, 4)]


async def test_what_retention_took_is_told_and_the_rest_is_done(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine
) -> None:
    """A row, an error in the log, a count; ready all the same; and not told twice."""
    line = await new_echo(broker)
    values = await line.feed(settings, 3)
    async with running(line, settings):
        await until(lambda: _committed(line, 3))
    values += await line.feed(settings, 10, start=3)
    await lose(broker, line.topic, 8)
    with capture_logs() as logs:
        async with running(line, settings) as replica:
            await until(lambda: _committed(line, 13))
            assert replica.readiness.reasons == []
        async with running(line, settings) as replica:
            await until(lambda: replica.readiness.reasons == [])
    group = consumer_group(line.name)
    assert _handled(line) == values[:3] + values[8:]
    assert await found(engine) == [(group, line.topic, 3, 8)]
    told = [entry for entry in logs if entry["event"] == "gap"]
    assert [(entry["log_level"], entry["lost_records"]) for entry in told] == [("error", 5)]
    labels = {"topic": line.topic, "group": group}
    assert REGISTRY.get_sample_value("hookline_gaps_total", labels) == 1


async def test_a_gap_with_nothing_left_is_told_at_once(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine
) -> None:
    """And committed, so that the next start does not tell it again."""
    line = await new_echo(broker)
    await line.feed(settings, 3)
    async with running(line, settings):
        await until(lambda: _committed(line, 3))
    await line.feed(settings, 4, start=3)
    await lose(broker, line.topic, 7)
    async with running(line, settings):
        await until(lambda: _committed(line, 7))
    assert await found(engine) == [(consumer_group(line.name), line.topic, 3, 7)]


async def test_a_place_beyond_the_end_begins_anew(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine
) -> None:
    """As after the topic lost its end: all that is there may be new."""
    line = await new_echo(broker)
    values = await line.feed(settings, 6)
    group = consumer_group(line.name)
    await _commit(settings, line, 100)
    async with running(line, settings):
        await until(lambda: _committed(line, 6))
    assert _handled(line) == values
    assert await found(engine) == [(group, line.topic, 100, 0)]


async def _commit(settings: WorkerSettings, line: Line, offset: int) -> None:
    consumer = new_consumer(settings, consumer_group(line.name))
    await start_client(consumer, settings.kafka_bootstrap)
    try:
        consumer.assign([TopicPartition(line.topic, 0)])
        await consumer.commit({TopicPartition(line.topic, 0): offset})
    finally:
        await stop_client(consumer)


async def test_a_gap_is_not_passed_before_it_is_told(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine
) -> None:
    """The worker waits for the row."""
    line = await new_echo(broker)
    values = await line.feed(settings, 10)
    await _commit(settings, line, 2)
    await lose(broker, line.topic, 5)
    async with running(line, settings) as replica:
        async with transaction(engine) as connection:
            await connection.execute(text(f"LOCK TABLE {gaps.fullname} IN EXCLUSIVE MODE"))
            await until(lambda: replica.readiness.reasons == [])
            await asyncio.sleep(1)
            assert line.calls == []
        await until(lambda: _committed(line, 10))
    assert _handled(line) == values[5:]
    assert await found(engine) == [(consumer_group(line.name), line.topic, 2, 5)]
