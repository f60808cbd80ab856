"""From records to rows of `deliveries` and `dead_letters`. Pure."""

from collections import Counter
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid5

import orjson

from runtime.errors import RejectError
from runtime.worker import Record
from schemas.canonical import column_json
from schemas.dead_letters import ORIGINAL, header_texts
from schemas.decoding import UnreadableError
from schemas.deliveries import MalformedDeliveryError, body_key, read_delivery
from schemas.events import parse_time
from schemas.fields import FIELDS
from schemas.splitting import split

DEAD_LETTER_IDS: Final = UUID("6f0d5a3e-8f0b-5e3c-9b1d-5d0c7a2f4e61")
"""Namespace of ids that follow from where a letter's record stood, so that none comes twice."""


class DeliveryRow(NamedTuple):
    """A row of `deliveries`. `fields` are joined by commas, for an array cannot hold arrays."""

    received_at: datetime
    delivery_id: str
    body: bytes
    sha256: str
    signature: str
    app_id: str
    fields: str
    changes: str
    source: str


def delivery_row(record: Record) -> DeliveryRow:
    """The row of a raw record.

    Raises:
        RejectError: the record was not written by ingest (`malformed_delivery`).
    """
    try:
        delivery = read_delivery(record.headers, record.value)
    except MalformedDeliveryError as error:
        raise RejectError("malformed_delivery", str(error)) from error
    counts = _change_counts(delivery.body)
    return DeliveryRow(
        received_at=delivery.received_at,
        delivery_id=delivery.delivery_id,
        body=delivery.body,
        sha256=body_key(delivery.body).decode(),
        signature=delivery.signature,
        app_id=delivery.app_id,
        fields=",".join(name for name in FIELDS if name in counts) or "other",
        changes=orjson.dumps(counts).decode(),
        source=delivery.source,
    )


def _change_counts(body: bytes) -> dict[str, int]:
    """Changes per field. A body that nobody can read counts as one of `other`: its dead letter."""
    try:
        return dict(Counter(change.field for change in split(body)))
    except UnreadableError:
        return {"other": 1}


class DeadLetterRow(NamedTuple):
    """A row of `dead_letters`."""

    dead_letter_id: str
    stage: str
    reason: str
    detail: str
    fingerprint: str
    attempts: int
    source_topic: str
    source_partition: int
    source_offset: int
    delivery_id: str | None
    key: bytes | None
    value: bytes | None
    headers: str
    version: str
    first_failed_at: datetime
    parked_at: datetime


def dead_letter_row(record: Record, now: datetime) -> DeadLetterRow:
    """The row of a record of the dead letters topic. Total: what is not told stays empty."""
    texts = header_texts(record.headers)
    delivery_id = _uuid_or_none(texts.get(f"{ORIGINAL}delivery-id"))
    stage = texts.get("stage", "")
    topic = texts.get("source-topic", "")
    partition = _number(texts.get("source-partition"))
    offset = _number(texts.get("source-offset"))
    place = f"{stage}|{topic}|{partition}|{offset}|{delivery_id}|{texts.get('attempt')}"
    return DeadLetterRow(
        dead_letter_id=str(uuid5(DEAD_LETTER_IDS, place)),
        stage=stage,
        reason=texts.get("reason", ""),
        detail=texts.get("detail", ""),
        fingerprint=texts.get("fingerprint", ""),
        attempts=min(max(_number(texts.get("attempt")), 1), 32767),
        source_topic=topic,
        source_partition=partition,
        source_offset=offset,
        delivery_id=delivery_id,
        key=record.key,
        value=record.value,
        headers=column_json(texts),
        version=texts.get("version", ""),
        first_failed_at=_moment(texts.get("first-failed-at"), now),
        parked_at=now,
    )


def _uuid_or_none(text: str | None) -> str | None:
    try:
        return None if text is None else str(UUID(text))
    except ValueError:
        return None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else -1


def _moment(text: str | None, otherwise: datetime) -> datetime:
    try:
        return parse_time(text).astimezone(UTC) if text else otherwise
    except ValueError:
        return otherwise
