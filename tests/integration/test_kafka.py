"""A cluster that does not tell is a dependency that is away: whoever starts tries again."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from runtime.errors import DependencyError, TopicsMissingError
from runtime.kafka import new_producer, partition_counts, require_topics, start_client, stop_client
from schemas.settings import KafkaSettings
from tests.faults.proxy import Proxy, before_kafka
from tests.integration.broker import Broker


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
