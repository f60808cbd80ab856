"""The private cluster: records outlive a broker."""

import asyncio
import os
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from hookline.embedded.cluster import BROKERS, Cluster, running
from hookline.embedded.download import downloaded
from hookline.embedded.java import find_java
from hookline.embedded.stack import Elsewhere, EmbeddedStack
from runtime.topics import apply_topics
from schemas.settings import TopicsSettings

TOPIC: Final = "instagram.raw.comments"
MAX_BODY_BYTES: Final = 1024 * 1024
DEADLINE_S: Final = 60.0


async def test_a_killed_broker_is_done_without_and_comes_back(tmp_path: Path) -> None:
    """Three copies of each partition, two of them enough; the third catches up by itself."""
    told: list[str] = []
    jars = await downloaded(told.append, None)
    cluster = Cluster(tmp_path / "kafka", find_java(), jars, {}, MAX_BODY_BYTES)
    cluster.prepare()
    nothing = Elsewhere(cluster.bootstrap, "postgresql://not/needed")
    async with EmbeddedStack(tmp_path, {}, announce=told.append, elsewhere=nothing) as stack:
        brokers = [stack.child(program) for program in cluster.programs(tmp_path / "logs")]
        async with running(brokers):
            await apply_topics(TopicsSettings(kafka_bootstrap=cluster.bootstrap))
            await _caught_up(cluster.bootstrap)
            partitions = await _partitions(cluster.bootstrap)
            assert {len(one["replicas"]) for one in partitions} == {BROKERS}
            [(leader, _)] = Counter(one["leader"] for one in partitions).most_common(1)
            killed = brokers[leader - 1].pid
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await _write_to_each(cluster.bootstrap, len(partitions))
            await _caught_up(cluster.bootstrap)
            assert brokers[leader - 1].pid not in (None, killed), told


async def _partitions(bootstrap: str) -> list[dict[str, Any]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        [topic] = await admin.describe_topics([TOPIC])
    finally:
        await admin.close()
    found: list[dict[str, Any]] = topic["partitions"]
    return found


async def _caught_up(bootstrap: str) -> None:
    """Returns when the topic is known and every copy is as far as its leader.

    The broker that is asked may be the killed one, or not have heard of a new topic yet.
    """
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with suppress(KafkaError):
                partitions = await _partitions(bootstrap)
                if partitions and all(len(one["isr"]) == BROKERS for one in partitions):
                    return
            await asyncio.sleep(0.2)


async def _write_to_each(bootstrap: str, partitions: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    async with asyncio.timeout(DEADLINE_S), producer:
        for partition in range(partitions):
            await producer.send_and_wait(TOPIC, b"kept", partition=partition)
