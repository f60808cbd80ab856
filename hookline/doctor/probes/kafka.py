"""Looks at Kafka: topics as they are, and how far the workers' groups have come."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from hookline.doctor.checks.group import ROOT as WORKERS_CHECK
from hookline.doctor.checks.kafka import ROOT
from hookline.doctor.facts import Behind, Group, Kafka, Topic
from hookline.doctor.finding import Unseen
from runtime.errors import DependencyError
from runtime.kafka import client_options, start_client, stop_client
from runtime.kafka_groups import member_counts
from runtime.topics import topic_configs, wanted_topics
from schemas.settings import TopicsSettings
from schemas.topics import TopicSpec, consumer_group
from workers.registry import WORKERS, topics_of

TIMEOUT_S: Final = 15.0

LONGEST_MS: Final = 400 * 24 * 60 * 60 * 1000
"""What has waited for longer counts as so old."""

AHEAD_MS: Final = 60_000
"""So far another clock may be ahead of ours."""

STEPS: Final = 25
"""So many halvings of that lead to a second; mostly a few of them come upon the record itself."""

Places: TypeAlias = Mapping[TopicPartition, int]


async def look(settings: TopicsSettings) -> tuple[Kafka | Unseen, tuple[Group, ...] | Unseen]:
    """The cluster and its topics, and the workers' groups."""
    try:
        async with asyncio.timeout(TIMEOUT_S), _clients(settings) as (admin, consumer):
            kafka = await _kafka(admin, settings)
            return kafka, await _seen_groups(admin, consumer, kafka)
    except DependencyError as error:
        why = str(error)
    except (KafkaError, OSError, TimeoutError) as error:
        why = f"Kafka does not answer at {settings.kafka_bootstrap} ({type(error).__name__})"
    return Unseen(why, ROOT), Unseen(why, ROOT)


@asynccontextmanager
async def _clients(
    settings: TopicsSettings,
) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
    """Two that are started; the consumer is of no group."""
    options = client_options(settings)
    async with AsyncExitStack() as stack:
        consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
        stack.push_async_callback(stop_client, consumer)
        await start_client(consumer, settings.kafka_bootstrap)
        admin = AIOKafkaAdminClient(**options)
        stack.push_async_callback(admin.close)
        await admin.start()
        yield admin, consumer


async def _kafka(admin: AIOKafkaAdminClient, settings: TopicsSettings) -> Kafka:
    brokers = len((await admin.describe_cluster())["brokers"])
    wanted = wanted_topics(settings, brokers)
    names = {spec.name for spec in wanted}
    described = [one for one in await admin.describe_topics() if one["topic"] in names]
    configs = await topic_configs(admin, [one["topic"] for one in described])
    topics = {
        one["topic"]: topic_of(
            one["partitions"],
            {name: value for name, (value, _) in configs.get(one["topic"], {}).items()},
        )
        for one in described
    }
    return Kafka(settings.kafka_bootstrap, brokers, topics, tuple(wanted))


def topic_of(partitions: list[dict[str, Any]], config: Mapping[str, str]) -> Topic:
    """A topic from what Kafka describes. Pure."""
    return Topic(
        len(partitions),
        min((len(one["replicas"]) for one in partitions), default=0),
        min((len(one["isr"]) for one in partitions), default=0),
        sum(one["leader"] < 0 for one in partitions),
        dict(config),
    )


async def _seen_groups(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, kafka: Kafka
) -> tuple[Group, ...] | Unseen:
    """The groups, if they may be looked at."""
    try:
        return await _groups(admin, consumer, kafka)
    except KafkaError as error:
        return Unseen(
            f"Kafka does not tell of groups ({type(error).__name__})",
            WORKERS_CHECK,
            "Kafka's user needs the right to describe groups named hookline.*; then try again.",
        )


async def _groups(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, kafka: Kafka
) -> tuple[Group, ...]:
    members = await member_counts(admin, [consumer_group(one) for one in WORKERS])
    committed = {worker: await _committed(admin, worker, kafka.topics) for worker in WORKERS}
    places = {place for found in committed.values() for place in found}
    ends: Places = await consumer.end_offsets(list(places)) if places else {}
    starts: Places = await consumer.beginning_offsets(list(places)) if places else {}
    retention = {spec.name: _retention(spec, kafka.topics) for spec in kafka.wanted}
    groups = []
    for worker, reached in committed.items():
        times = await _times(consumer, reached, starts, ends)
        topics = behind_of(reached, starts, ends, times, retention)
        groups.append(Group(worker, members.get(consumer_group(worker), 0), topics))
    return tuple(groups)


def _retention(spec: TopicSpec, topics: Mapping[str, Topic]) -> timedelta | None:
    topic = topics.get(spec.name)
    told_ms = int((topic and topic.config.get("retention.ms")) or -1)
    return timedelta(milliseconds=told_ms) if told_ms >= 0 else None


async def _committed(
    admin: AIOKafkaAdminClient, worker: str, topics: Collection[str]
) -> dict[TopicPartition, int]:
    """How far a worker's group is, in the topics that it reads; a place elsewhere is of old."""
    read = set(topics_of(worker)) & set(topics)
    try:
        told = await admin.list_consumer_group_offsets(consumer_group(worker))
    except GroupCoordinatorNotAvailableError:
        return {}
    return {
        place: one.offset for place, one in told.items() if one.offset >= 0 and place.topic in read
    }


async def _times(
    consumer: AIOKafkaConsumer, reached: Places, starts: Places, ends: Places
) -> dict[TopicPartition, datetime]:
    """When the first records were written that are not committed: by halving the time, since no
    record is to be read for it."""
    behind = {
        place: max(offset, starts[place])
        for place, offset in reached.items()
        if ends[place] > max(offset, starts[place])
    }
    if not behind:
        return {}
    now_ms = int(time.time() * 1000)
    bounds = dict.fromkeys(behind, (now_ms - LONGEST_MS, now_ms + AHEAD_MS))
    for _ in range(STEPS):
        middles = {place: (low + high) // 2 for place, (low, high) in bounds.items() if low < high}
        if not middles:
            break
        found = await consumer.offsets_for_times(middles)
        for place, middle in middles.items():
            bounds[place] = halved(bounds[place], middle, behind[place], found.get(place))
    return {place: datetime.fromtimestamp(low / 1000, UTC) for place, (low, _) in bounds.items()}


def halved(
    bounds: tuple[int, int], middle: int, offset: int, first: tuple[int, int] | None
) -> tuple[int, int]:
    """Narrower bounds of the time of the record at an offset, from the offset and the time of the
    first record that is not older than the middle of them. Pure."""
    low, high = bounds
    if first is not None and first[0] == offset:
        return first[1], first[1]
    return (middle, high) if first is not None and first[0] < offset else (low, middle)


def behind_of(
    reached: Places,
    starts: Places,
    ends: Places,
    times: Mapping[TopicPartition, datetime],
    retention: Mapping[str, timedelta | None],
) -> dict[str, Behind]:
    """How far a group is behind in each topic. Pure."""
    by_topic: defaultdict[str, list[TopicPartition]] = defaultdict(list)
    for place in reached:
        by_topic[place.topic].append(place)
    return {
        topic: Behind(
            sum(max(0, ends[one] - max(reached[one], starts[one])) for one in places),
            sum(max(0, starts[one] - reached[one]) for one in places),
            _oldest(times[one] for one in places if one in times),
            retention.get(topic),
        )
        for topic, places in sorted(by_topic.items())
    }


def _oldest(times: Iterable[datetime]) -> datetime | None:
    return min(times, default=None)
