"""A raw delivery: what ingest publishes beside the body, and how readers get it back (B3)."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
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


def read_delivery(headers: Iterable[tuple[str, bytes]], body: bytes | None) -> Delivery:
    """The delivery in a raw record.

    Raises:
        MalformedDeliveryError: a header is missing or not of its form, or there is no body.
    """
    if body is None:
        raise MalformedDeliveryError("body")
    found = dict(headers)
    texts = {}
    try:
        for name in ("delivery-id", "received-at", "app-id", "signature", "source"):
            texts[name] = found[name].decode("ascii")
        name = "delivery-id"
        delivery_id = str(UUID(texts[name]))
        name = "received-at"
        received_at = parse_time(texts[name])
    except (KeyError, ValueError) as error:
        raise MalformedDeliveryError(name) from error
    return Delivery(
        delivery_id, received_at, texts["app-id"], texts["signature"], texts["source"], body
    )
