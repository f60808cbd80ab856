"""The embedded Kafka and large records."""

import asyncio
import itertools
from pathlib import Path
from typing import Final

import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from hookline.embedded.stack import Elsewhere, EmbeddedStack

MIB: Final = 1024 * 1024
LIMIT_BYTES: Final = 512 * MIB
BODY_BYTES: Final = 26_000_000
"""As large as Meta can make a delivery: 1000 changes with 2200 escaped characters each."""

PRODUCERS: Final = 8
RECORDS_EACH: Final = 2
TOPIC: Final = "large"


async def test_many_large_records_at_once_stay_within_its_memory(tmp_path: Path) -> None:
    """Eight connections bring 26 MB each, again and again: the broker lives, below 512 MB."""
    told: list[str] = []
    private = Elsewhere(database_url="postgresql://not/needed")
    async with EmbeddedStack(tmp_path, {}, announce=told.append, elsewhere=private) as stack:
        pid = stack.pids["kafka"]
        await _make_topic(stack.kafka_bootstrap)
        body = bytes(BODY_BYTES)
        work = [_produce(stack.kafka_bootstrap, body, number) for number in range(PRODUCERS)]
        peak_bytes = await _peak(psutil.Process(pid), asyncio.gather(*work))
        assert stack.pids["kafka"] == pid, told
    print(f"peak of Kafka: {peak_bytes / MIB:.0f} MiB")
    assert peak_bytes < LIMIT_BYTES


async def _make_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    limit = {"max.message.bytes": str(32 * MIB)}
    await admin.create_topics([NewTopic(TOPIC, PRODUCERS, 1, topic_configs=limit)])
    await admin.close()


async def _produce(bootstrap: str, body: bytes, partition: int) -> None:
    """Sends records, one at a time, over a connection of its own."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=32 * MIB)
    async with asyncio.timeout(100), producer:
        for _ in itertools.repeat(None, RECORDS_EACH):
            await producer.send_and_wait(TOPIC, body, partition=partition)


async def _peak(process: psutil.Process, work: asyncio.Future[list[None]]) -> int:
    """The most memory that the process had while the work was done."""
    peak_bytes = 0
    while not work.done():
        try:
            peak_bytes = max(peak_bytes, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        await asyncio.wait((work,), timeout=0.05)
    await work
    return peak_bytes
