"""What clients of Kafka make of its answers: late ones, and none."""

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator

import pytest
import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from runtime.errors import DependencyError, TopicsMissingError
from runtime.kafka import (
    has_failed,
    new_consumer,
    new_producer,
    partition_counts,
    require_topics,
    start_client,
    stop_client,
)
from runtime.publisher import OutRecord, Publisher
from schemas.settings import KafkaSettings
from schemas.topics import max_record_bytes
from tests.faults.proxy import Proxy, before_kafka
from tests.integration.broker import Broker

SLOW_BYTES_PER_S = 12_000_000
"""More than twice what the largest body needs (docs/architecture.md), for a busy machine."""
TIMEOUT_S = 60
RETRIED_S = 0.5
"""After so long a record that cannot be sent has been tried again."""


@pytest.fixture
async def proxy(broker: Broker) -> AsyncIterator[Proxy]:
    """Before the broker."""
    async with before_kafka(broker.bootstrap) as (one,):
        yield one


@pytest.fixture
async def producer(proxy: Proxy) -> AsyncIterator[AIOKafkaProducer]:
    """One that waits shortly."""
    settings = KafkaSettings(kafka_bootstrap=proxy.address)
    producer = new_producer(settings, max_batch_bytes=1024, request_timeout_ms=1000)
    await start_client(producer, proxy.address)
    yield producer
    await stop_client(producer)


async def test_a_cluster_tells_its_topics(broker: Broker, producer: AIOKafkaProducer) -> None:
    """How many partitions each has, and which are missing."""
    topic = await broker.topic(partitions=3)
    await require_topics(producer, [topic])
    assert await partition_counts(producer, [topic]) == {topic: 3}
    with pytest.raises(TopicsMissingError, match="missing-one"):
        await require_topics(producer, [topic, "missing-one"])


@pytest.mark.parametrize("silent", [True, False])
async def test_a_cluster_that_does_not_tell_is_awaited(
    broker: Broker, proxy: Proxy, producer: AIOKafkaProducer, silent: bool
) -> None:
    """Whether it answers nothing, or nobody is there."""
    topic = await broker.topic()
    if silent:
        proxy.stall()
    else:
        await proxy.refuse()
    with pytest.raises(DependencyError):
        await require_topics(producer, [topic])
    with pytest.raises(DependencyError):
        await partition_counts(producer, [topic])


@pytest.mark.parametrize("silent", [True, False])
async def test_a_producer_that_is_stopped_without_kafka_leaves_nothing_to_complain_of(
    broker: Broker, proxy: Proxy, *, silent: bool
) -> None:
    """Whoever waits for a record hears of it; the event loop has no errors that nobody fetched."""
    complaints: list[str] = []
    loop = asyncio.get_running_loop()
    topic = await broker.topic(partitions=3)
    producer = new_producer(KafkaSettings(kafka_bootstrap=proxy.address), max_batch_bytes=1024)
    await start_client(producer, proxy.address)
    await producer.send_and_wait(topic, b"one that arrives")
    loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
    try:
        if silent:
            proxy.cut()
            proxy.stall()
        else:
            await proxy.refuse()
        sent = [await producer.send(topic, b"one that does not", partition=n) for n in range(3)]
        await asyncio.sleep(RETRIED_S)
        await stop_client(producer)
        failures = await asyncio.gather(*sent, return_exceptions=True)
        assert [type(failure) for failure in failures] == [KafkaConnectionError] * 3
        del producer, sent, failures
        await asyncio.sleep(RETRIED_S)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert complaints == []


async def test_the_largest_body_passes_a_slow_line(broker: Broker, proxy: Proxy) -> None:
    """There and back: no request's time-out comes first."""
    settings = KafkaSettings(kafka_bootstrap=proxy.address)
    largest = settings.ingest_max_body_bytes
    topic = await broker.topic(max_message_bytes=str(max_record_bytes(largest)))
    consumer = new_consumer(settings, f"slow-{uuid.uuid4().hex}")
    proxy.slow(bytes_per_s=SLOW_BYTES_PER_S)
    async with asyncio.timeout(TIMEOUT_S):
        async with Publisher(settings) as publisher:
            await publisher.learn([topic])
            first = publisher.producer
            await publisher.publish(OutRecord(topic, b"key", bytes(largest), []))
            assert publisher.producer is first
        try:
            await start_client(consumer, proxy.address)
            consumer.assign([TopicPartition(topic, 0)])
            consumer.seek(TopicPartition(topic, 0), 0)
            record = await consumer.getone()
        finally:
            await stop_client(consumer)
    assert len(record.value) == largest


async def test_a_connection_that_was_closed_says_so_on_uvloop(broker: Broker) -> None:
    """As on asyncio's own loop: whoever writes to it hears what aiokafka expects to hear."""
    host, _, port = broker.bootstrap.rpartition(":")

    async def write_to_a_closed_one() -> None:
        connection = await create_conn(host, int(port))
        connection._writer.transport.abort()
        await asyncio.sleep(0)
        with pytest.raises(KafkaConnectionError):
            await connection.send(MetadataRequest([]))
        assert not connection.connected()

    def on_uvloop() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(write_to_a_closed_one())

    await asyncio.to_thread(on_uvloop)


async def test_a_producer_that_hears_nothing_of_its_cluster_is_replaced(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it, and the next record goes through another one."""
    topic = await broker.topic()
    async with Publisher(KafkaSettings(kafka_bootstrap=broker.bootstrap)) as publisher:
        await publisher.learn([topic])
        first = publisher.producer

        async def fail(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(first.client, "_metadata_update", fail)
        first.client.force_metadata_update()
        async with asyncio.timeout(TIMEOUT_S):
            while publisher.usable:
                await asyncio.sleep(0)
            await publisher.wait_usable()
        assert publisher.producer is not first
        async with asyncio.timeout(TIMEOUT_S):
            await publisher.publish(OutRecord(topic, b"key", b"value", []))


async def test_a_consumer_that_hears_nothing_of_its_cluster_has_failed(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the worker takes another one."""
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap)
    consumer = new_consumer(settings, f"test.{uuid.uuid4().hex}")
    await start_client(consumer, broker.bootstrap)
    try:
        assert not has_failed(consumer)

        async def fail(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(consumer._client, "_metadata_update", fail)
        consumer._client.force_metadata_update()
        async with asyncio.timeout(TIMEOUT_S):
            while not has_failed(consumer):
                await asyncio.sleep(0)
    finally:
        await stop_client(consumer)
