"""PostgreSQL's names: tables and their columns (design B5). Migrations bring databases to them."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

SCHEMA: Final = "hookline"
ANALYTICS: Final = "analytics"

REVISION: Final = "0013"
"""The migration that brings a database to these tables. Revisions are numbered in four digits."""

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    },
)


def _text(name: str, *, nullable: bool = True, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=nullable, server_default=default)


def _time(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _delivery_id() -> Column[object]:
    return Column("delivery_id", UUID(as_uuid=False), nullable=False)


def _contents() -> list[Column[object]]:
    """What a fold needs beside the row: whose content the row shows, and all of them if several."""
    return [
        _delivery_id(),
        Column("position", Text, nullable=False),
        Column("content_hash", Text, nullable=False),
        Column("contents", JSONB),
    ]


def _enrichment() -> list[Column[object]]:
    return [
        Column("enrichment_status", Text, nullable=False, server_default="pending"),
        Column("enrichment_reason", Text),
        _time("enriched_at"),
        _time("deleted_at"),
    ]


deliveries = Table(
    "deliveries",
    metadata,
    _time("received_at", nullable=False),
    _delivery_id(),
    Column("body", LargeBinary, nullable=False),
    _text("sha256", nullable=False),
    _text("signature", nullable=False),
    _text("app_id", nullable=False),
    Column("fields", ARRAY(Text), nullable=False),
    Column("changes", JSONB, nullable=False),
    _text("source", nullable=False),
    PrimaryKeyConstraint("received_at", "delivery_id"),
    Index(
        "deliveries_several_fields",
        "received_at",
        postgresql_where=text("cardinality(fields) > 1"),
    ),
    postgresql_partition_by="RANGE (received_at)",
)

sightings = Table(
    "sightings",
    metadata,
    _time("received_at", nullable=False),
    _delivery_id(),
    _text("position", nullable=False),
    _text("event_id", nullable=False),
    _text("content_hash", nullable=False),
    _time("sent_at"),
    _text("verdict", nullable=False),
    PrimaryKeyConstraint("received_at", "delivery_id", "position"),
    postgresql_partition_by="RANGE (received_at)",
)

PARTITIONED: Final = (deliveries.name, sightings.name)

claims = Table(
    "claims",
    metadata,
    _text("event_id", nullable=False),
    _text("content_hash", nullable=False),
    _delivery_id(),
    _text("position", nullable=False),
    _time("received_at", nullable=False),
    PrimaryKeyConstraint("event_id", "content_hash"),
)

comments = Table(
    "comments",
    metadata,
    _text("account_id", nullable=False),
    _text("comment_id", nullable=False),
    _text("field", nullable=False),
    _text("text"),
    _text("from_id"),
    _text("from_username"),
    Column("is_own", Boolean),
    _text("parent_id"),
    _text("media_id"),
    _text("media_product_type"),
    _text("ad_id"),
    _text("ad_title"),
    _text("original_media_id"),
    _text("canonical_media_id"),
    _text("album_id"),
    _time("commented_at"),
    Column("like_count", BigInteger),
    Column("hidden", Boolean),
    _time("first_received_at", nullable=False),
    _time("last_received_at", nullable=False),
    _time("sent_at"),
    *_enrichment(),
    Column("graph", JSONB),
    Column("extra", JSONB),
    *_contents(),
    PrimaryKeyConstraint("account_id", "comment_id", "field"),
    Index(None, "account_id", "first_received_at"),
)

ad_sightings = Table(
    "ad_sightings",
    metadata,
    _text("account_id", nullable=False),
    _text("comment_id", nullable=False),
    _text("media_id", nullable=False),
    _text("ad_id", nullable=False),
    _text("ad_title"),
    _text("original_media_id"),
    _time("first_received_at", nullable=False),
    *_contents(),
    PrimaryKeyConstraint("account_id", "comment_id", "media_id", "ad_id"),
)

mentions = Table(
    "mentions",
    metadata,
    _text("account_id", nullable=False),
    _text("media_id", nullable=False),
    _text("comment_id", nullable=False),
    _text("kind", nullable=False),
    _text("text"),
    _text("media_type"),
    _text("media_url"),
    _text("username"),
    _time("mentioned_at"),
    Column("like_count", BigInteger),
    _time("first_received_at", nullable=False),
    _time("last_received_at", nullable=False),
    _time("sent_at"),
    *_enrichment(),
    Column("extra", JSONB),
    *_contents(),
    PrimaryKeyConstraint("account_id", "media_id", "comment_id"),
    Index(None, "account_id", "first_received_at"),
)

story_insights = Table(
    "story_insights",
    metadata,
    _text("account_id", nullable=False),
    _text("media_id", nullable=False),
    _text("metric", nullable=False),
    Column("value", BigInteger),
    Column("suppressed", Boolean, nullable=False),
    _time("received_at", nullable=False),
    _time("sent_at"),
    *_contents(),
    PrimaryKeyConstraint("account_id", "media_id", "metric"),
)

media = Table(
    "media",
    metadata,
    _text("media_id", nullable=False),
    _text("account_id", nullable=False),
    _text("media_type"),
    _text("media_product_type"),
    _text("permalink"),
    _text("caption"),
    _time("posted_at"),
    _text("album_id"),
    _time("fetched_at", nullable=False),
    PrimaryKeyConstraint("media_id"),
)

other_events = Table(
    "other_events",
    metadata,
    _text("event_id", nullable=False),
    _text("platform_field"),
    _text("object"),
    _text("account_id"),
    Column("value", JSONB, nullable=False),
    Column("is_test", Boolean, nullable=False),
    _time("received_at", nullable=False),
    _time("sent_at"),
    *_contents(),
    PrimaryKeyConstraint("event_id"),
    Index(None, "platform_field", "received_at"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("dead_letter_id", UUID(as_uuid=False), nullable=False),
    _text("state", nullable=False, default="parked"),
    _text("stage", nullable=False),
    _text("reason", nullable=False),
    _text("detail", nullable=False),
    _text("fingerprint", nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default=text("1")),
    _text("source_topic", nullable=False),
    Column("source_partition", BigInteger, nullable=False),
    Column("source_offset", BigInteger, nullable=False),
    Column("delivery_id", UUID(as_uuid=False)),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", JSONB, nullable=False),
    _text("version", nullable=False),
    _time("first_failed_at", nullable=False),
    _time("parked_at", nullable=False),
    _time("state_changed_at"),
    Column("operation_id", UUID(as_uuid=False)),
    PrimaryKeyConstraint("dead_letter_id"),
    Index(None, "state", "stage", "reason"),
)

breakers = Table(
    "breakers",
    metadata,
    _text("stage", nullable=False),
    _time("opened_at", nullable=False),
    _text("reason", nullable=False),
    _time("closed_at"),
    PrimaryKeyConstraint("stage"),
)

gaps = Table(
    "gaps",
    metadata,
    _text("consumer_group", nullable=False),
    _text("topic", nullable=False),
    Column("partition", BigInteger, nullable=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    _time("detected_at", nullable=False),
    PrimaryKeyConstraint("consumer_group", "topic", "partition", "first_offset"),
)

operations = Table(
    "operations",
    metadata,
    Column("operation_id", UUID(as_uuid=False), nullable=False),
    _text("verb", nullable=False),
    Column("arguments", JSONB, nullable=False),
    _text("actor", nullable=False),
    _text("state", nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("checkpoint", JSONB),
    _time("started_at", nullable=False),
    _time("updated_at", nullable=False),
    _time("ended_at"),
    PrimaryKeyConstraint("operation_id"),
    Index(None, "verb", "started_at"),
)

accounts = Table(
    "accounts",
    metadata,
    _text("account_id", nullable=False),
    _text("username"),
    _text("page_id"),
    _text("page_name"),
    _text("user_id"),
    _text("app_id", nullable=False),
    Column("user_token", LargeBinary),
    Column("page_token", LargeBinary),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("granular_scopes", JSONB, nullable=False),
    Column("tasks", ARRAY(Text), nullable=False),
    _time("expires_at"),
    _time("data_access_expires_at"),
    _text("state", nullable=False),
    _text("state_reason"),
    Column("parked_endpoints", JSONB, nullable=False),
    _time("connected_at", nullable=False),
    _time("state_changed_at", nullable=False),
    _time("checked_at"),
    PrimaryKeyConstraint("account_id"),
)

graph_usage = Table(
    "graph_usage",
    metadata,
    _text("app_id", nullable=False),
    _text("account_id", nullable=False),
    _text("pool", nullable=False),
    Column("used_percent", Double),
    Column("calls", BigInteger, nullable=False),
    Column("calls_before", BigInteger, nullable=False),
    _time("calls_since"),
    Column("unreported", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    _time("reserved_until"),
    _time("blocked_until"),
    _time("reported_at"),
    PrimaryKeyConstraint("app_id", "account_id", "pool"),
)

enrichment_tasks = Table(
    "enrichment_tasks",
    metadata,
    _text("account_id", nullable=False),
    _text("endpoint", nullable=False),
    _text("object_id", nullable=False),
    _text("event_id", nullable=False),
    _text("field", nullable=False),
    _text("event", nullable=False),
    Column("priority", SmallInteger, nullable=False),
    _time("due_at", nullable=False),
    _time("leased_until"),
    Column("attempts", BigInteger, nullable=False),
    _text("reason"),
    _time("first_ambiguous_at"),
    _time("answered_at"),
    Column("parked_told", Boolean, nullable=False),
    _time("created_at", nullable=False),
    PrimaryKeyConstraint("account_id", "endpoint", "object_id"),
    Index(None, "account_id", "priority", "due_at"),
    Index(None, "answered_at", postgresql_where=text("answered_at IS NOT NULL")),
    Index(None, "account_id", postgresql_where=text("NOT parked_told AND answered_at IS NULL")),
)

graph_reads = Table(
    "graph_reads",
    metadata,
    _text("account_id", nullable=False),
    _text("endpoint", nullable=False),
    _text("object_id", nullable=False),
    _time("read_at", nullable=False),
    _text("event_id", nullable=False),
    _text("field", nullable=False),
    _text("status", nullable=False),
    _text("reason"),
    Column("code", BigInteger),
    Column("subcode", BigInteger),
    Column("http_status", SmallInteger),
    _text("api_version"),
    Column("answer", JSONB),
    PrimaryKeyConstraint("account_id", "endpoint", "object_id", "read_at"),
    Index(None, "event_id"),
)

subscription_checks = Table(
    "subscription_checks",
    metadata,
    _text("app_id", nullable=False),
    _text("account_id", nullable=False),
    _text("state", nullable=False),
    _text("reason"),
    Column("fields", ARRAY(Text), nullable=False),
    _time("checked_at", nullable=False),
    _time("state_changed_at", nullable=False),
    _time("repair_tried_at"),
    _time("repaired_at"),
    _text("activity", nullable=False),
    _time("activity_changed_at", nullable=False),
    _time("last_received_at"),
    PrimaryKeyConstraint("app_id", "account_id"),
)

replies = Table(
    "replies",
    metadata,
    _text("reply_key", nullable=False),
    _text("account_id", nullable=False),
    _text("event_id", nullable=False),
    _text("rule", nullable=False),
    _text("kind", nullable=False),
    _text("media_id"),
    _text("comment_id"),
    _text("thread_id"),
    _text("person"),
    _text("message", nullable=False),
    Column("dry_run", Boolean, nullable=False),
    _text("state", nullable=False),
    _text("reason"),
    _text("reply_id"),
    Column("attempts", BigInteger, nullable=False),
    _time("due_at"),
    _time("leased_until"),
    _time("created_at", nullable=False),
    _time("sending_at"),
    _time("settled_at"),
    _time("looked_at"),
    _time("asked_at"),
    PrimaryKeyConstraint("reply_key"),
    Index(None, "event_id", unique=True, postgresql_where=text("rule <> 'manual'")),
    Index(
        None,
        "state",
        "due_at",
        postgresql_where=text("state IN ('planned', 'sending', 'unknown')"),
    ),
    Index(None, "account_id", "sending_at"),
    Index(None, "reply_id", postgresql_where=text("reply_id IS NOT NULL")),
    Index(None, "account_id", "due_at", postgresql_where=text("reason = 'blocked_for_abuse'")),
)
