"""Waits until a line has nothing left to do. No hand is moved meanwhile."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.topics import consumer_group
from tests.chaos.rows import AWAY
from workers.archive.handler import ArchiveHandler
from workers.dedupe.handler import DedupeHandler
from workers.enrich.handler import EnrichHandler
from workers.persist.handler import PersistHandler
from workers.reply.handler import ReplyHandler

READS: Final = {
    one.name: one.topics
    for one in (ArchiveHandler, DedupeHandler, EnrichHandler, PersistHandler, ReplyHandler)
}
"""The topics of each worker, who comes before the one that reads what it writes."""

IN_FLIGHT: Final = "SELECT coalesce(sum(abs(in_flight)), 0)::bigint FROM analytics.conservation"

# What was not found is looked for again hours later, and what is answered is still to be published.
READS_DUE: Final = """
SELECT count(*) FROM hookline.enrichment_tasks AS task JOIN hookline.accounts USING (account_id)
WHERE state IN ('active', 'expiring') AND NOT parked_endpoints ? task.endpoint
    AND (first_ambiguous_at IS NULL OR answered_at IS NOT NULL)
"""

DRAIN_TIMEOUT_S: Final = 240.0
"""A delivery that some of its topics lack is completed within two minutes."""
PAUSE_S: Final = 0.5


class NotDrainedError(Exception):
    """Something stays on its way."""


async def drained(kafka_bootstrap: str, database_url: str) -> None:
    """Returns when every record is committed by every reader, every change has its outcome, and
    everything is read that the Graph API will tell now.

    Raises:
        NotDrainedError: not within four minutes; the message tells what is left.
    """
    left = "nothing was looked at"
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while left:
                with suppress(KafkaError, *AWAY):
                    left = await _left(kafka_bootstrap, database_url)
                await asyncio.sleep(PAUSE_S if left else 0)
    except TimeoutError as error:
        raise NotDrainedError(f"after {DRAIN_TIMEOUT_S:.0f} s: {left}") from error


async def _left(kafka_bootstrap: str, database_url: str) -> str:
    """What is on its way, in words; empty when nothing is. Looked at in the line's order: what
    one of them still did, those after it are asked about afterwards.
    """
    for worker, topics in READS.items():
        if worker == PersistHandler.name and (reads := await _count(database_url, READS_DUE)):
            return f"{reads} reads that enrich has not done"
        if records := await _lag(kafka_bootstrap, worker, topics):
            return f"{records} records that {worker} has not committed"
    changes = await _count(database_url, IN_FLIGHT)
    return f"{changes} changes without an outcome" if changes else ""


async def _count(database_url: str, query: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


async def _lag(kafka_bootstrap: str, worker: str, topics: Iterable[str]) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_bootstrap)
    try:
        await admin.start()
        await consumer.start()
        committed = await admin.list_consumer_group_offsets(consumer_group(worker))
        described = await admin.describe_topics(list(topics))
        partitions = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
        await admin.close()
    return sum(end - _committed(committed, partition) for partition, end in ends.items())


def _committed(committed: dict[TopicPartition, object], partition: TopicPartition) -> int:
    told = committed.get(partition)
    return max(0, int(getattr(told, "offset", 0)))
