"""Tables and columns, as dashboards and other programs query them."""

from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, DateTime, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from schemas.tables import ANALYTICS, PARTITIONED, SCHEMA, metadata

ENRICHMENT = ["enrichment_status", "enrichment_reason", "enriched_at", "deleted_at"]
HEAD = ["delivery_id", "position", "content_hash", "contents"]

TABLES: dict[str, tuple[list[str], list[str]]] = {
    "deliveries": (
        ["received_at", "delivery_id"],
        ["body", "sha256", "signature", "app_id", "fields", "changes", "source"],
    ),
    "sightings": (
        ["received_at", "delivery_id", "position"],
        ["event_id", "content_hash", "sent_at", "verdict"],
    ),
    "claims": (["event_id", "content_hash"], ["delivery_id", "position", "received_at"]),
    "comments": (
        ["account_id", "comment_id", "field"],
        [
            "text",
            "from_id",
            "from_username",
            "is_own",
            "parent_id",
            "media_id",
            "media_product_type",
            "ad_id",
            "ad_title",
            "original_media_id",
            "canonical_media_id",
            "album_id",
            "commented_at",
            "like_count",
            "hidden",
            "first_received_at",
            "last_received_at",
            "sent_at",
            *ENRICHMENT,
            "graph",
            "extra",
            *HEAD,
        ],
    ),
    "ad_sightings": (
        ["account_id", "comment_id", "media_id", "ad_id"],
        ["ad_title", "original_media_id", "first_received_at", *HEAD],
    ),
    "mentions": (
        ["account_id", "media_id", "comment_id"],
        [
            "kind",
            "text",
            "media_type",
            "media_url",
            "username",
            "mentioned_at",
            "like_count",
            "first_received_at",
            "last_received_at",
            "sent_at",
            *ENRICHMENT,
            "extra",
            *HEAD,
        ],
    ),
    "story_insights": (
        ["account_id", "media_id", "metric"],
        ["value", "suppressed", "received_at", "sent_at", *HEAD],
    ),
    "other_events": (
        ["event_id"],
        [
            "platform_field",
            "object",
            "account_id",
            "value",
            "is_test",
            "received_at",
            "sent_at",
            *HEAD,
        ],
    ),
    "dead_letters": (
        ["dead_letter_id"],
        [
            "state",
            "stage",
            "reason",
            "detail",
            "fingerprint",
            "attempts",
            "source_topic",
            "source_partition",
            "source_offset",
            "delivery_id",
            "key",
            "value",
            "headers",
            "version",
            "first_failed_at",
            "parked_at",
            "state_changed_at",
            "operation_id",
        ],
    ),
    "media": (
        ["media_id"],
        [
            "account_id",
            "media_type",
            "media_product_type",
            "permalink",
            "caption",
            "posted_at",
            "album_id",
            "fetched_at",
        ],
    ),
    "accounts": (
        ["account_id"],
        [
            "username",
            "page_id",
            "page_name",
            "user_id",
            "app_id",
            "user_token",
            "page_token",
            "scopes",
            "granular_scopes",
            "tasks",
            "expires_at",
            "data_access_expires_at",
            "state",
            "state_reason",
            "parked_endpoints",
            "connected_at",
            "state_changed_at",
            "checked_at",
        ],
    ),
    "graph_usage": (
        ["app_id", "account_id", "pool"],
        [
            "used_percent",
            "calls",
            "calls_before",
            "calls_since",
            "unreported",
            "reserved",
            "reserved_until",
            "blocked_until",
            "reported_at",
        ],
    ),
    "enrichment_tasks": (
        ["account_id", "endpoint", "object_id"],
        [
            "event_id",
            "field",
            "event",
            "priority",
            "due_at",
            "leased_until",
            "attempts",
            "reason",
            "first_ambiguous_at",
            "answered_at",
            "parked_told",
            "created_at",
        ],
    ),
    "graph_reads": (
        ["account_id", "endpoint", "object_id", "read_at"],
        [
            "event_id",
            "field",
            "status",
            "reason",
            "code",
            "subcode",
            "http_status",
            "api_version",
            "answer",
        ],
    ),
    "replies": (
        ["reply_key"],
        [
            "account_id",
            "event_id",
            "rule",
            "kind",
            "media_id",
            "comment_id",
            "thread_id",
            "person",
            "message",
            "dry_run",
            "state",
            "reason",
            "reply_id",
            "attempts",
            "due_at",
            "leased_until",
            "created_at",
            "sending_at",
            "settled_at",
            "looked_at",
            "asked_at",
        ],
    ),
    "subscription_checks": (
        ["app_id", "account_id"],
        [
            "state",
            "reason",
            "fields",
            "checked_at",
            "state_changed_at",
            "repair_tried_at",
            "repaired_at",
            "activity",
            "activity_changed_at",
            "last_received_at",
        ],
    ),
    "breakers": (["stage"], ["opened_at", "reason", "closed_at"]),
    "gaps": (
        ["consumer_group", "topic", "partition", "first_offset"],
        ["next_offset", "detected_at"],
    ),
    "operations": (
        ["operation_id"],
        [
            "verb",
            "arguments",
            "actor",
            "state",
            "counts",
            "checkpoint",
            "started_at",
            "updated_at",
            "ended_at",
        ],
    ),
}

TYPES: dict[str, dict[str, type[TypeEngine[Any]]]] = {
    "deliveries": {"body": LargeBinary, "fields": ARRAY, "received_at": DateTime},
    "comments": {
        "comment_id": Text,
        "is_own": Boolean,
        "like_count": BigInteger,
        "hidden": Boolean,
        "first_received_at": DateTime,
        "extra": JSONB,
    },
    "story_insights": {"value": BigInteger, "suppressed": Boolean},
    "other_events": {"value": JSONB, "is_test": Boolean},
    "dead_letters": {"value": LargeBinary, "key": LargeBinary, "headers": JSONB},
}

NULLABLE: dict[str, set[str]] = {
    "story_insights": {"value", "sent_at", "contents"},
    "ad_sightings": {"ad_title", "original_media_id", "contents"},
    "other_events": {"platform_field", "object", "account_id", "sent_at", "contents"},
    "sightings": {"sent_at"},
    "claims": set(),
    "deliveries": set(),
}


def test_the_schemas() -> None:
    """One for tables, one for what analysts read."""
    assert (SCHEMA, ANALYTICS) == ("hookline", "analytics")


@pytest.mark.parametrize("name", TABLES)
def test_keys_and_columns(name: str) -> None:
    """Literally; a column that is new goes here as well."""
    table = metadata.tables[f"hookline.{name}"]
    key, others = TABLES[name]
    assert [column.name for column in table.primary_key] == key
    assert sorted(table.columns.keys()) == sorted([*key, *others])


@pytest.mark.parametrize("name", TYPES)
def test_types(name: str) -> None:
    """Of the columns whose type is part of what they mean."""
    table = metadata.tables[f"hookline.{name}"]
    assert {column: type(table.c[column].type) for column in TYPES[name]} == TYPES[name]


def test_every_time_has_a_zone() -> None:
    """A time without one would be read as the session's."""
    times = [
        column.type
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, DateTime)
    ]
    assert len(times) >= 20
    assert all(kind.timezone for kind in times)


@pytest.mark.parametrize("name", NULLABLE)
def test_columns_that_may_be_null(name: str) -> None:
    """Whoever queries the others need not ask."""
    table = metadata.tables[f"hookline.{name}"]
    assert {column.name for column in table.columns if column.nullable} == NULLABLE[name]


def test_enrichment_starts_as_pending() -> None:
    """Events are stored first and enriched later."""
    for name in ("comments", "mentions"):
        default = metadata.tables[f"hookline.{name}"].c["enrichment_status"].server_default
        assert getattr(default, "arg", None) == "pending"


def test_the_monthly_tables() -> None:
    """Partitioned by the time of receipt."""
    assert set(PARTITIONED) == {"deliveries", "sightings"}
    for name in PARTITIONED:
        table = metadata.tables[f"hookline.{name}"]
        assert table.dialect_options["postgresql"]["partition_by"] == "RANGE (received_at)"
