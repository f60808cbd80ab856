"""One silent broker of several costs what waits for it, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from hookline.embedded.cluster import Cluster, running
from hookline.embedded.download import downloaded
from hookline.embedded.java import find_java
from hookline.embedded.stack import MAX_BODY_BYTES, Elsewhere, EmbeddedStack
from runtime.errors import KafkaUnavailableError
from runtime.kafka import partition_of
from runtime.publisher import OutRecord, Publisher
from schemas.settings import KafkaSettings
from tests.faults.proxy import Proxy, before_kafka

TOPIC = "test.brokers"
LEADERS = {0: [1], 1: [2]}
TIMEOUT_S = 30
SILENT_S = 0.3


@pytest.fixture
async def proxies(tmp_path: Path) -> AsyncIterator[list[Proxy]]:
    """Before two brokers, each of which has a partition of the topic."""
    ports: dict[str, int] = {}
    jars = await downloaded(lambda _: None, None)
    cluster = Cluster(tmp_path, find_java(), jars, ports, MAX_BODY_BYTES, brokers=2)
    await asyncio.to_thread(cluster.prepare)
    elsewhere = Elsewhere(kafka_bootstrap=cluster.bootstrap, database_url="unused")
    async with (
        EmbeddedStack(tmp_path, ports, elsewhere=elsewhere) as stack,
        running([stack.child(one) for one in cluster.programs(tmp_path)]),
    ):
        await _make_topic(cluster.bootstrap)
        async with before_kafka(cluster.bootstrap) as before:
            yield before


async def _make_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, -1, -1, replica_assignments=LEADERS)])
    finally:
        await admin.close()


def record(partition: int) -> OutRecord:
    """One that goes there."""
    keys = (b"%d" % number for number in range(100))
    key = next(key for key in keys if partition_of(key, len(LEADERS)) == partition)
    return OutRecord(TOPIC, key, b"value", [])


async def test_a_silent_broker_is_given_up_alone(proxies: list[Proxy]) -> None:
    """What is in line for it fails now; the other one's records and the producer stay."""
    bootstrap = ",".join(proxy.address for proxy in proxies)
    async with (
        asyncio.timeout(TIMEOUT_S),
        Publisher(KafkaSettings(kafka_bootstrap=bootstrap)) as publisher,
    ):
        await publisher.learn([TOPIC])
        for partition in LEADERS:
            await publisher.publish(record(partition))
        producer = publisher.producer
        proxies[1].stall()
        sent = publisher.publish(record(1))
        await asyncio.sleep(SILENT_S)
        in_line = publisher.publish(record(1))
        answered = publisher.publish(record(0))
        publisher.abandon(SILENT_S)
        with pytest.raises(KafkaUnavailableError, match="abandoned"):
            await in_line
        await answered
        assert not sent.done()
        await proxies[1].heal()
        await sent
        await publisher.publish(record(1))
        assert publisher.producer is producer
