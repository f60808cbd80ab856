"""Kafka's names: topics, their settings, headers and consumer groups (design B3)."""

from typing import Final, NamedTuple

from schemas.fields import FIELDS, Field

DEAD_LETTERS: Final = "instagram.dead_letters"

RECORD_OVERHEAD_BYTES: Final = 1024 * 1024
"""What headers and an event's envelope may add to the largest body."""

_DAY_MS: Final = 24 * 60 * 60 * 1000


class TopicSpec(NamedTuple):
    """A topic as it should be. `config` holds Kafka's own setting names."""

    name: str
    partitions: int
    replication_factor: int
    config: dict[str, str]


def raw_topic(field: Field) -> str:
    """The topic that carries the exact bodies holding changes of this field."""
    return f"instagram.raw.{field}"


def events_topic(field: Field) -> str:
    """The topic that carries this field's events."""
    return f"instagram.events.{field}"


def enriched_topic(field: Field) -> str:
    """The topic that carries what the Graph API told about this field's events."""
    return f"instagram.enriched.{field}"


RAW_TOPICS: Final[dict[str, Field]] = {raw_topic(field): field for field in FIELDS}
EVENTS_TOPICS: Final[dict[str, Field]] = {events_topic(field): field for field in FIELDS}
ENRICHED_TOPICS: Final[dict[str, Field]] = {enriched_topic(field): field for field in FIELDS}


def consumer_group(worker: str) -> str:
    """The consumer group that all replicas of a worker share."""
    return f"hookline.{worker}"


def max_record_bytes(max_body_bytes: int) -> int:
    """The largest record that any of our topics, producers and consumers must pass."""
    return max_body_bytes + RECORD_OVERHEAD_BYTES


def topic_specs(
    *, partitions: int, replication_factor: int, retention_days: int, max_body_bytes: int
) -> list[TopicSpec]:
    """Every topic with the settings it needs.

    Dead letters are kept until they are dealt with; the others for `retention_days`. With three
    or more replicas an acknowledged record is on two disks at least.
    """
    config = {
        "max.message.bytes": str(max_record_bytes(max_body_bytes)),
        "min.insync.replicas": str(2 if replication_factor >= 3 else 1),
        "cleanup.policy": "delete",
        "compression.type": "producer",
    }
    kept = {**config, "retention.ms": str(retention_days * _DAY_MS)}
    specs = [
        TopicSpec(name, partitions, replication_factor, kept)
        for name in (*RAW_TOPICS, *EVENTS_TOPICS, *ENRICHED_TOPICS)
    ]
    dead = TopicSpec(DEAD_LETTERS, partitions, replication_factor, {**config, "retention.ms": "-1"})
    return [*specs, dead]
