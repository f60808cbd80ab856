"""What a worker tells of itself while nothing is consumed, or nothing is done."""

import asyncio
import math
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

import runtime.lag
from runtime.health import Readiness
from runtime.kafka import new_consumer, start_client, stop_client
from runtime.lag import LagWatch
from runtime.topics import retention_s
from runtime.worker import Outcome, Record
from schemas.topics import consumer_group
from tests.integration.broker import Broker, until
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.replica import Line, new_line, running

HOUR_S = 3600.0


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.lag, "LOOK_INTERVAL_S", 0.2)
    monkeypatch.setattr(runtime.lag, "LOOK_TIMEOUT_S", 2.0)


def lag(line: Line, partition: int = 0) -> float | None:
    """The gauge of one partition."""
    labels = {
        "topic": line.topic,
        "partition": str(partition),
        "group": consumer_group(line.name),
    }
    return REGISTRY.get_sample_value("hookline_lag_records", labels)


def until_loss_s(line: Line) -> float | None:
    """The gauge of the topic in."""
    labels = {"topic": line.topic, "group": consumer_group(line.name)}
    return REGISTRY.get_sample_value("hookline_seconds_until_data_loss", labels)


async def nothing(_: Sequence[Record]) -> Outcome:
    """An effect."""
    return Outcome()


async def keep(line: Line, age_s: float, partition: int, value: bytes) -> None:
    """A record of this age, at the end of a partition."""
    producer = AIOKafkaProducer(bootstrap_servers=line.broker.bootstrap)
    await producer.start()
    try:
        timestamp_ms = int((time.time() - age_s) * 1000)
        await producer.send_and_wait(
            line.topic, value, partition=partition, timestamp_ms=timestamp_ms
        )
    finally:
        await producer.stop()


async def test_an_idle_worker_notices_that_kafka_is_away(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Not ready without any traffic, and ready again by itself."""
    line = await new_line(broker, nothing)
    async with running(line, worker_settings()) as replica:
        await until(lambda: replica.readiness.reasons == [])
        with broker.paused():
            await until(lambda: replica.readiness.reasons == ["kafka_unavailable"])
        await until(lambda: replica.readiness.reasons == [])
        assert not replica.running.done()


async def test_a_replica_without_partitions_notices_too(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """It stands by for the others, and must know whether it could."""
    line = await new_line(broker, nothing)
    async with running(line, worker_settings()) as one:
        await until(lambda: one.readiness.reasons == [])
        async with running(line, worker_settings()) as spare:
            await until(lambda: one.readiness.reasons == spare.readiness.reasons == [])
            with broker.paused():
                away = ["kafka_unavailable"]
                await until(lambda: one.readiness.reasons == spare.readiness.reasons == away)
            await until(lambda: one.readiness.reasons == spare.readiness.reasons == [])


async def test_the_lag_moves_while_nothing_is_committed(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """It counts what is under way, what is read ahead and what comes meanwhile."""
    going_on = asyncio.Event()

    async def effect(_: Sequence[Record]) -> Outcome:
        await going_on.wait()
        return Outcome()

    line = await new_line(broker, effect)
    settings = worker_settings(worker_max_records=3)
    async with running(line, settings):
        await until(lambda: lag(line) == 0)
        await line.feed(settings, 5)
        await until(lambda: lag(line) == 5)
        await line.feed(settings, 7, start=5)
        await until(lambda: lag(line) == 12)
        going_on.set()
        await until(lambda: lag(line) == 0)


async def test_the_gauges_end_with_the_loop(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Whoever has the partitions then tells of them."""
    line = await new_line(broker, nothing)
    async with running(line, worker_settings()):
        await until(lambda: lag(line) == 0 and until_loss_s(line) == math.inf)
    assert (lag(line), until_loss_s(line)) == (None, None)


async def test_a_retention_that_cannot_be_asked_for_stops_nobody(
    broker: Broker, worker_settings: MakeWorkerSettings, tmp_path: Path
) -> None:
    """As when certificates are in the middle of their rotation: said, and asked again later."""
    settings, topic = worker_settings(), await broker.topic()
    consumer = new_consumer(settings, consumer_group(f"test-{uuid.uuid4().hex[:8]}"))
    await start_client(consumer, settings.kafka_bootstrap)
    try:
        without = settings.model_copy(
            update={"kafka_security_protocol": "SSL", "kafka_ssl_cafile": str(tmp_path / "none")}
        )
        watch = LagWatch(consumer, "a group", [topic], without, Readiness())
        with capture_logs() as logs:
            watching = asyncio.create_task(watch.run())
            await until(lambda: logs or watching.done())
        assert not watching.done()
        watching.cancel()
        assert [(one["event"], one["error"]) for one in logs] == [
            ("retention_unknown", "DependencyError")
        ]
    finally:
        await stop_client(consumer)


async def test_the_time_until_loss_is_that_of_the_oldest_unread_record(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Also of records that the loop has not come to. Looking at them takes nothing from it."""
    going_on = asyncio.Event()

    async def effect(_: Sequence[Record]) -> Outcome:
        await going_on.wait()
        return Outcome()

    topic = await broker.topic(2, retention_ms=str(int(HOUR_S * 1000)))
    line = Line(broker, topic, await broker.topic(), effect)
    async with running(line, worker_settings(worker_max_records=1)):
        await until(lambda: until_loss_s(line) == math.inf)
        await keep(line, HOUR_S / 6, 0, b"first")
        await until(lambda: line.calls)
        await until(lambda: HOUR_S / 6 * 5 - 60 < (until_loss_s(line) or 0) <= HOUR_S / 6 * 5)
        await keep(line, HOUR_S / 2, 1, b"older")
        await keep(line, 0, 1, b"new")
        await until(lambda: HOUR_S / 2 - 60 < (until_loss_s(line) or 0) <= HOUR_S / 2)
        going_on.set()
        await until(lambda: until_loss_s(line) == math.inf)
    assert line.calls == [[b"first"], [b"older"], [b"new"]]


async def test_the_retention_of_topics(broker: Broker, worker_settings: MakeWorkerSettings) -> None:
    """As the cluster has it, in seconds; for ever is infinite; an unknown topic is missing."""
    kept = await broker.topic(retention_ms="3600000")
    for_ever = await broker.topic(retention_ms="-1")
    found = await retention_s(worker_settings(), [kept, for_ever, "test.nowhere"])
    assert found == {kept: HOUR_S, for_ever: math.inf}
