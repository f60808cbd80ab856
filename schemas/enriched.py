"""What the Graph API told about one event, as `instagram.enriched.<field>` carries it (B3)."""

from typing import Any, Final, Literal, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.canonical import column_json
from schemas.decoding import decode
from schemas.events import Event, MalformedEventError, Time, format_time
from schemas.splitting import Position

Endpoint: TypeAlias = Literal[
    "comment", "live_comment", "mentioned_comment", "mentioned_media", "media"
]
"""What is read: a comment or media of our own, or what somebody else mentioned us in.

A live comment's node is a comment's; it has a name of its own because one comment may come as
both, and then has two rows.
"""

Status: TypeAlias = Literal["pending", "done", "partial", "parked", "unreadable", "skipped"]
"""What becomes of a row's `enrichment_status`."""

ANSWERED: Final[tuple[Status, ...]] = ("done", "partial")


class Read(BaseModel):
    """One read, or why there is none yet. `answer` is the object that Meta gave."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    account_id: str
    endpoint: Endpoint
    object_id: str
    read_at: Time
    status: Status
    reason: str | None = None
    code: int | None = None
    subcode: int | None = None
    http_status: int | None = None
    api_version: str | None = None
    answer: dict[str, Any] | None = None

    @property
    def rank(self) -> tuple[bool, Any]:
        """The read of the greatest rank decides a row: an answer beats none, then the later one."""
        return self.status in ANSWERED, self.read_at


class Enriched(BaseModel):
    """An event, and one read about it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event: Event
    read: Read


def encode_enriched(event: bytes, read: Read) -> bytes:
    """The record of a read. `event` is the JSON that the events topic carries.

    The answer is written as `graph_reads` keeps it: without what PostgreSQL cannot hold.
    """
    told = read.model_dump(exclude={"read_at", "answer"}) | {"read_at": format_time(read.read_at)}
    told["answer"] = read.answer and orjson.Fragment(column_json(read.answer))
    return orjson.dumps({"event": orjson.Fragment(event), "read": told})


def decode_enriched(record: bytes) -> Enriched:
    """The event and the read in a record of an enriched topic.

    Raises:
        MalformedEventError: it is none.
    """
    try:
        enriched = Enriched.model_validate(decode(record))
        Position.parse(enriched.event.position)
    except ValidationError as error:
        members = sorted({".".join(map(str, item["loc"])) for item in error.errors()})
        raise MalformedEventError(", ".join(members) or "no object") from error
    except ValueError as error:
        raise MalformedEventError("unreadable") from error
    return enriched
