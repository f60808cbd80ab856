"""The event: one change, identified, as `instagram.events.<field>` carries it (design B4)."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, TypeAlias

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from schemas.canonical import canonical_json
from schemas.decoding import decode
from schemas.fields import Field as FieldName
from schemas.identity import ClaimKey, Identity, is_own
from schemas.splitting import Change, Position

Verdict: TypeAlias = Literal["first", "amendment", "repeat"]


class MalformedEventError(ValueError):
    """A record of an events topic that is no event. Names the members at fault."""


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as headers and events carry times."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    second = _second(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second
    )
    return f"{second}.{moment.microsecond:06}Z"


@lru_cache(maxsize=4)
def _second(*parts: int) -> str:
    """What the thousands of times of one second share: making it anew takes twice as long."""
    return "%04d-%02d-%02dT%02d:%02d:%02d" % parts  # noqa: UP031  # twice as fast as an f-string


def parse_time(text: str) -> datetime:
    """The moment that `format_time` wrote. Raises ValueError for text without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # the first or last hours of the calendar
        raise ValueError("a time beyond the calendar") from error


def _strict_time(value: object) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    if not isinstance(value, str):
        raise ValueError("a time is text")  # noqa: TRY004  # pydantic turns it into its own error
    return parse_time(value)


Time = Annotated[datetime, BeforeValidator(_strict_time)]

WEBHOOK: Final = "webhook"
"""What brings events, but for those that say otherwise: Meta, by calling ingest."""

REPLAY: Final = "replay"
"""Brings events again that were dealt with, or could have been."""

_UUID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class Event(BaseModel):
    """One change with its identity. `value` is what Meta sent, member for member.

    `source` is what brought it: replies are for those alone that Meta has just sent.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str
    field: FieldName
    platform_field: str | None
    object: str | None
    account_id: str | None
    natural_key: str
    content_hash: str
    delivery_id: Annotated[str, Field(pattern=_UUID)]
    position: str
    received_at: Time
    sent_at: Time | None
    is_test: bool
    is_own: bool | None
    value: Any
    source: str = WEBHOOK

    @property
    def key(self) -> ClaimKey:
        """The claim's key: contents of one event are folded in its order."""
        return ClaimKey(self.received_at, self.delivery_id, Position.parse(self.position))


def encode_event(change: Change, identity: Identity, key: ClaimKey) -> bytes:
    """The JSON of an event, as the events topics carry it."""
    document = {
        "event_id": identity.event_id,
        "field": change.field,
        "platform_field": change.platform_field,
        "object": change.object_type,
        "account_id": change.account_id,
        "natural_key": identity.natural_key,
        "content_hash": identity.content_hash,
        "delivery_id": key.delivery_id,
        "position": str(key.position),
        "received_at": format_time(key.received_at),
        "sent_at": change.sent_at and format_time(change.sent_at),
        "is_test": identity.is_test,
        "is_own": is_own(change.account_id, change.value),
        "value": change.value,
    }
    try:
        # The result keeps a buffer several times its size: a copy has its own.
        return bytes(memoryview(orjson.dumps(document)))
    except TypeError:  # lone surrogates, integers beyond 64 bits, deep nesting
        return canonical_json(document)


def brought_by(source: str, event: bytes) -> bytes:
    """The JSON of an event as it is when something else than the webhook brings it."""
    return event[:-1] + b',"source":' + orjson.dumps(source) + b"}"


def decode_event(record: bytes) -> Event:
    """The event in a record of an events topic.

    Raises:
        MalformedEventError: it is not one.
    """
    try:
        event = Event.model_validate(decode(record))
        Position.parse(event.position)
    except ValidationError as error:
        members = sorted({".".join(map(str, item["loc"])) for item in error.errors()})
        raise MalformedEventError(", ".join(members) or "no object") from error
    except ValueError as error:
        raise MalformedEventError("unreadable") from error
    return event
