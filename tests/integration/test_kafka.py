"""What clients of Kafka make of its answers: late ones, and none."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from runtime.errors import DependencyError, TopicsMissingError
from runtime.kafka import (
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
