"""Brings a cluster's topics to what they should be: makes, widens, adjusts; never deletes."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidPartitionsError, KafkaError, TopicAlreadyExistsError, for_code

from runtime.errors import DependencyError, StopError
from runtime.kafka import client_options
from schemas.settings import KafkaSettings, TopicsSettings
from schemas.topics import TopicSpec, topic_specs

FULL_REPLICATION: Final = 3
SET_ON_TOPIC: Final = 1
"""Kafka's mark of a setting that the topic itself carries, against one of the broker."""

CONNECT_TIMEOUT_S: Final = 30.0
SETTLE_INTERVAL_S: Final = 0.1

log = structlog.get_logger()


async def apply_topics(settings: TopicsSettings) -> list[str]:
    """Makes the topics that are missing and adjusts those that are there; tells what it changed.

    Raises:
        DependencyError: Kafka cannot be reached.
        StopError: Kafka refuses a change; the message says which.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await admin.start()
            return await _apply(admin, settings)
    except (KafkaError, OSError, TimeoutError) as error:
        raise DependencyError(
            f"Kafka cannot be reached at {settings.kafka_bootstrap} "
            f"({type(error).__name__}). Does it run?"
        ) from error
    finally:
        await admin.close()


async def retention_s(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, float]:
    """For how long topics keep their records, in seconds; infinite when for ever.

    Topics that we may not look at are missing, and logged.

    Raises:
        KafkaError: Kafka cannot be reached. The caller brings the deadline.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        answers = await admin.describe_configs([_resource(name) for name in topics])
    finally:
        await admin.close()
    found: dict[str, float] = {}
    for answer in answers:
        for code, _, _, name, entries in answer.resources:
            if code:
                log.warning("retention_unknown", topic=name, error=for_code(code).__name__)
                continue
            told_ms = {entry[0]: entry[1] for entry in entries}.get("retention.ms")
            if told_ms is None:
                log.warning("retention_unknown", topic=name, error="NotTold")
                continue
            found[name] = int(told_ms) / 1e3 if int(told_ms) >= 0 else math.inf
    return found


def wanted_topics(settings: TopicsSettings, brokers: int) -> list[TopicSpec]:
    """The topics as a cluster of so many brokers should have them."""
    return topic_specs(
        partitions=settings.topic_partitions,
        replication_factor=settings.topic_replication_factor or replication_for(brokers),
        retention_days=settings.topic_retention_days,
        max_body_bytes=settings.ingest_max_body_bytes,
    )


async def topic_configs(
    admin: AIOKafkaAdminClient, topics: Sequence[str]
) -> dict[str, dict[str, tuple[str, bool]]]:
    """The settings in force of topics that are there, and whether the topic itself carries them.

    Raises:
        KafkaError: Kafka cannot be reached. The caller brings the deadline.
    """
    answers = await admin.describe_configs([_resource(name) for name in topics]) if topics else ()
    return {
        name: {entry[0]: (entry[1], entry[3] == SET_ON_TOPIC) for entry in entries}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }


async def _apply(admin: AIOKafkaAdminClient, settings: TopicsSettings) -> list[str]:
    brokers = len((await admin.describe_cluster())["brokers"])
    specs = wanted_topics(settings, brokers)
    existing = set(await admin.list_topics())
    missing = [spec for spec in specs if spec.name not in existing]
    present = [spec for spec in specs if spec.name in existing]
    return [
        *await _create(admin, missing),
        *await _widen(admin, present),
        *await _adjust(admin, present),
    ]


def replication_for(brokers: int) -> int:
    """Copies of each record that a cluster of so many brokers gets by default."""
    return FULL_REPLICATION if brokers >= FULL_REPLICATION else 1


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> list[str]:
    if not specs:
        return []
    topics = [
        NewTopic(spec.name, spec.partitions, spec.replication_factor, topic_configs=spec.config)
        for spec in specs
    ]
    answer = await admin.create_topics(topics)
    for name, code, *_ in answer.topic_errors:
        _check(code, f"topic {name} cannot be made", allowed=TopicAlreadyExistsError)
    return [f"made {spec.name} with {spec.partitions} partitions" for spec in specs]


async def _widen(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> list[str]:
    """Adds partitions where some are missing, and waits until they are seen."""
    changes: dict[str, str] = {}
    while narrow := await _narrow(admin, specs):
        wanted = {spec.name: NewPartitions(spec.partitions) for spec, _ in narrow}
        try:
            await admin.create_partitions(wanted)
        except InvalidPartitionsError:
            # It has them: a broker's view is behind for a moment after a topic was made or widened.
            await asyncio.sleep(SETTLE_INTERVAL_S)
            continue
        for spec, count in narrow:
            changes[spec.name] = f"widened {spec.name} from {count} to {spec.partitions} partitions"
    return list(changes.values())


async def _narrow(
    admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]
) -> list[tuple[TopicSpec, int]]:
    """The topics with fewer partitions than they should have, and how many they have."""
    found = await admin.describe_topics([spec.name for spec in specs]) if specs else []
    counts = {topic["topic"]: len(topic["partitions"]) for topic in found}
    return [(spec, counts[spec.name]) for spec in specs if counts[spec.name] < spec.partitions]


async def _adjust(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> list[str]:
    if not specs:
        return []
    found = await topic_configs(admin, [spec.name for spec in specs])
    changes: list[str] = []
    resources: list[ConfigResource] = []
    for spec in specs:
        differing = differing_config(spec.config, found[spec.name])
        if differing:
            # The request replaces all that a topic carries: what others set on it stays.
            kept = {name: value for name, (value, ours) in found[spec.name].items() if ours}
            resources.append(_resource(spec.name, {**kept, **spec.config}))
            changes += [f"set {name}={value} on {spec.name}" for name, value in differing.items()]
    if resources:
        for answer in await admin.alter_configs(resources):
            for code, _, _, name in answer.resources:
                _check(code, f"settings of {name} cannot be changed")
    return changes


def differing_config(
    wanted: Mapping[str, str], found: Mapping[str, tuple[str, bool]]
) -> dict[str, str]:
    """The wanted settings whose value in force is another one."""
    return {name: value for name, value in wanted.items() if found.get(name, ("",))[0] != value}


def _resource(name: str, config: Mapping[str, Any] | None = None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, name, dict(config) if config else None)


def _check(code: int, message: str, allowed: type[KafkaError] | None = None) -> None:
    error = for_code(code)
    if code and error is not allowed:
        raise StopError(f"Kafka refuses: {message} ({error.__name__}).")
