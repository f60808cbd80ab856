"""Topics, headers, groups and event members, as other programs read them."""

import json
from datetime import UTC, datetime
from typing import get_args

import pytest

from runtime.worker import Handler
from schemas.dead_letters import DeadLetter, Source, dead_letter_headers
from schemas.deliveries import Delivery, delivery_headers
from schemas.events import Verdict, encode_event
from schemas.fields import FIELDS, Field
from schemas.identity import ClaimKey, identify
from schemas.splitting import split
from schemas.topics import (
    DEAD_LETTERS,
    ENRICHED_TOPICS,
    EVENTS_TOPICS,
    RAW_TOPICS,
    consumer_group,
    events_topic,
    raw_topic,
    topic_specs,
)
from workers.registry import WORKERS, handler_of

NAMES = ["comments", "live_comments", "mentions", "story_insights", "other"]
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DELIVERY_ID = "01920000-0000-7000-8000-000000000001"


def test_the_fields() -> None:
    """Five, in the order of the documentation."""
    assert list(FIELDS) == NAMES
    assert list(get_args(Field)) == NAMES


def test_the_topics() -> None:
    """Raw and events for each field, and one for dead letters."""
    assert RAW_TOPICS == {
        "instagram.raw.comments": "comments",
        "instagram.raw.live_comments": "live_comments",
        "instagram.raw.mentions": "mentions",
        "instagram.raw.story_insights": "story_insights",
        "instagram.raw.other": "other",
    }
    assert EVENTS_TOPICS == {
        "instagram.events.comments": "comments",
        "instagram.events.live_comments": "live_comments",
        "instagram.events.mentions": "mentions",
        "instagram.events.story_insights": "story_insights",
        "instagram.events.other": "other",
    }
    assert {f"instagram.enriched.{name}": name for name in NAMES} == ENRICHED_TOPICS
    assert DEAD_LETTERS == "instagram.dead_letters"
    for field in FIELDS:
        assert raw_topic(field) == f"instagram.raw.{field}"
        assert events_topic(field) == f"instagram.events.{field}"


def test_topics_apply_makes_exactly_these() -> None:
    """None is forgotten and none is new."""
    specs = topic_specs(partitions=1, replication_factor=1, retention_days=7, max_body_bytes=1024)
    assert {spec.name for spec in specs} == {
        *(f"instagram.raw.{name}" for name in NAMES),
        *(f"instagram.events.{name}" for name in NAMES),
        *(f"instagram.enriched.{name}" for name in NAMES),
        "instagram.dead_letters",
    }


@pytest.mark.parametrize(
    ("name", "reads", "writes"),
    [
        (
            "archive",
            {"instagram.dead_letters", *(f"instagram.raw.{name}" for name in NAMES)},
            {f"instagram.raw.{name}" for name in NAMES},
        ),
        (
            "dedupe",
            {f"instagram.raw.{name}" for name in NAMES},
            {f"instagram.events.{name}" for name in NAMES},
        ),
        (
            "persist",
            {f"instagram.{stage}.{name}" for stage in ("events", "enriched") for name in NAMES},
            set(),
        ),
        (
            "enrich",
            {f"instagram.events.{name}" for name in NAMES if name != "other"},
            {f"instagram.enriched.{name}" for name in NAMES if name != "other"},
        ),
        ("reply", {"instagram.enriched.comments", "instagram.enriched.mentions"}, set()),
    ],
)
def test_the_workers(name: str, reads: set[str], writes: set[str]) -> None:
    """Their names, what they read, and what they write beside dead letters."""
    assert name in WORKERS
    assert consumer_group(name) == f"hookline.{name}"
    made: type[Handler] = handler_of(name)  # type: ignore[assignment]  # a handler's class makes it
    assert set(made.topics) == reads
    assert set(made.publishes_to) == writes


def test_the_headers_of_a_raw_record() -> None:
    """In their order."""
    delivery = Delivery(DELIVERY_ID, NOW, "1", "sha256=00", "webhook", b"")
    assert [name for name, _ in delivery_headers(delivery)] == [
        "delivery-id",
        "received-at",
        "app-id",
        "signature",
        "source",
    ]


def test_the_headers_of_a_dead_letter() -> None:
    """Its own, then the originals with their prefix."""
    letter = DeadLetter("s", "r", "d", Source("t", 0, 0), None, None, (("delivery-id", b"x"),))
    assert [name for name, _ in dead_letter_headers(letter, version="1", failed_at=NOW)] == [
        "stage",
        "reason",
        "detail",
        "fingerprint",
        "source-topic",
        "source-partition",
        "source-offset",
        "attempt",
        "version",
        "first-failed-at",
        "original-delivery-id",
    ]


def test_the_members_of_an_event() -> None:
    """As `instagram.events.<field>` carries them."""
    (change,) = split(
        b'{"object":"instagram","entry":[{"id":"1","field":"comments","value":{"id":"2"}}]}'
    )
    key = ClaimKey(NOW, DELIVERY_ID, change.position)
    document = json.loads(encode_event(change, identify(change, DELIVERY_ID), key))
    assert list(document) == [
        "event_id",
        "field",
        "platform_field",
        "object",
        "account_id",
        "natural_key",
        "content_hash",
        "delivery_id",
        "position",
        "received_at",
        "sent_at",
        "is_test",
        "is_own",
        "value",
    ]
    assert document["event_id"] == "comments:1:2"
    assert document["position"] == "0.flat.0"


def test_the_verdicts() -> None:
    """In headers, sightings and metrics."""
    assert list(get_args(Verdict)) == ["first", "amendment", "repeat"]
