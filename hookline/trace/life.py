"""The life of events as PostgreSQL tells it. Owns the shapes that `--json` prints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hookline.trace.places import Place
from hookline.trace.verdict import SignatureVerdict
from schemas.fields import Field


@dataclass(frozen=True, slots=True)
class TracedDelivery:
    """A delivery, as the archive has it. `records` is where it stands in Kafka, by field."""

    delivery_id: str
    received_at: datetime
    app_id: str
    source: str
    fields: Sequence[Field]
    changes: Mapping[str, int]
    size_bytes: int
    sha256: str
    intact: bool
    signature: SignatureVerdict
    records: list[Place] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TracedSighting:
    """One telling of an event: where it stood, dedupe's verdict, and how it ended."""

    received_at: datetime
    delivery_id: str
    position: str
    content_hash: str
    sent_at: datetime | None
    verdict: str
    outcome: str


@dataclass(frozen=True, slots=True)
class TracedClaim:
    """A content of an event, at the least place it was told at. `record` is its event in Kafka."""

    content_hash: str
    received_at: datetime
    delivery_id: str
    position: str
    record: Place | None = None


@dataclass(frozen=True, slots=True)
class TracedLetter:
    """A dead letter on the way, without its content."""

    dead_letter_id: str
    state: str
    stage: str
    reason: str
    detail: str
    fingerprint: str
    attempts: int
    source_topic: str
    source_partition: int
    source_offset: int
    delivery_id: str | None
    first_failed_at: datetime
    parked_at: datetime
    state_changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class TracedRow:
    """A row that an event ended in: its key, and the columns that hold something.

    `values` are there only when contents were asked for: they are people's texts and names.
    """

    table: str
    key: Mapping[str, Any]
    columns: Sequence[str]
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TracedCall:
    """A Graph read that the event asked for, and what it said about the row; not the answer."""

    endpoint: str
    object_id: str
    read_at: datetime
    status: str
    reason: str | None
    code: int | None
    subcode: int | None
    http_status: int | None
    api_version: str | None


@dataclass(frozen=True, slots=True)
class TracedTask:
    """A Graph read that still waits. `reason` is why the last look did not end it.

    `parked` is what a person has to repair before; `answered_at` tells that the answer is there,
    and on its way to the row.
    """

    endpoint: str
    object_id: str
    created_at: datetime
    due_at: datetime
    attempts: int
    reason: str | None
    answered_at: datetime | None
    parked: str | None


@dataclass(frozen=True, slots=True)
class TracedReply:
    """An answer to the event, and how it stands. `hookline replies show` tells more of it.

    `message` is there only when contents were asked for.
    """

    reply_key: str
    state: str
    reason: str | None
    reply_id: str | None
    attempts: int
    dry_run: bool
    created_at: datetime
    due_at: datetime | None
    sending_at: datetime | None
    settled_at: datetime | None
    message: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """One event, from its first telling to its rows, and its answers."""

    event_id: str
    outcomes: Mapping[str, int]
    sightings: list[TracedSighting]
    claims: list[TracedClaim]
    dead_letters: list[TracedLetter]
    graph_calls: list[TracedCall]
    graph_tasks: list[TracedTask]
    rows: list[TracedRow]
    replies: list[TracedReply]


@dataclass(frozen=True, slots=True)
class Trace:
    """What an id stands for. `kafka` says why Kafka could not be asked; else it is None.

    `dead_letters` are those of whole deliveries, which have no event.
    """

    id: str
    searched: Sequence[str]
    events_found: int
    deliveries: list[TracedDelivery]
    events: list[TracedEvent]
    dead_letters: list[TracedLetter]
    kafka: str | None = None
