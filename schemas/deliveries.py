"""A raw delivery: what ingest publishes beside the body, and how readers get it back (B3)."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

from schemas.events import format_time, parse_time

Headers = list[tuple[str, bytes]]


class MalformedDeliveryError(ValueError):
    """A record of a raw topic without the headers that ingest writes. Names the header."""


class Delivery(NamedTuple):
    """A signed body as it was received. `signature` is the header's text, as it came."""

    delivery_id: str
    received_at: datetime
    app_id: str
    signature: str
    source: str
    body: bytes


def body_key(body: bytes) -> bytes:
    """The record key of a body: its sha256 in hex, so identical resends meet in one partition."""
    return hashlib.sha256(body).hexdigest().encode()


def delivery_headers(delivery: Delivery) -> Headers:
    """The record headers of a delivery."""
    return [
        ("delivery-id", delivery.delivery_id.encode()),
        ("received-at", format_time(delivery.received_at).encode()),
        ("app-id", delivery.app_id.encode()),
        ("signature", delivery.signature.encode()),
        ("source", delivery.source.encode()),
    ]


def read_delivery(headers: Iterable[tuple[str, bytes | None]], body: bytes | None) -> Delivery:
    """The delivery in a raw record.

    Raises:
        MalformedDeliveryError: a header is missing or not of its form, or there is no body.
    """
    if body is None:
        raise MalformedDeliveryError("body")
    found = dict(headers)
    delivery_id = _header(found, "delivery-id", lambda text: str(UUID(text)))
    received_at = _header(found, "received-at", parse_time)
    app_id, signature, source = (_header(found, name, str) for name in _TEXTS)
    return Delivery(delivery_id, received_at, app_id, signature, source, body)


_TEXTS: Final = ("app-id", "signature", "source")

Parsed = TypeVar("Parsed")


def _header(found: Mapping[str, bytes | None], name: str, parse: Callable[[str], Parsed]) -> Parsed:
    value = found.get(name)
    if value is None:
        raise MalformedDeliveryError(name)
    try:
        return parse(value.decode("ascii"))
    except ValueError as error:
        raise MalformedDeliveryError(name) from error
