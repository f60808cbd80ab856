"""Whether a record of a topic is meant. Pure.

A raw record is a delivery: it is meant when one of its changes is, and is handled whole.
"""

from datetime import datetime

from hookline.replay.order import Order
from runtime.errors import RejectError
from runtime.worker import Record
from schemas.deliveries import MalformedDeliveryError, read_delivery
from schemas.events import MalformedEventError, decode_event
from schemas.topics import EVENTS_TOPICS
from workers.dedupe.sighting import sightings_in


def selects(order: Order, record: Record, published_at: datetime) -> bool:
    """Whether the record is meant. One that does not tell when it was received is judged by when
    it was published; one that does not tell its events is not meant where these matter.
    """
    if record.source.topic in EVENTS_TOPICS:
        return _means_key(order, record) and _means_event_time(order, record, published_at)
    return _means_raw_time(order, record, published_at) and means_changes(order, record)


def means_changes(order: Order, record: Record) -> bool:
    """Whether a raw record has a change that is meant by account and id."""
    if order.account is None and order.ids is None:
        return True
    try:
        changes = sightings_in(record)
    except RejectError:
        return False
    return any(order.means(one.change.account_id, one.identity.event_id) for one in changes)


def _means_key(order: Order, record: Record) -> bool:
    event_id = (record.key or b"").decode("utf-8", "replace")
    if order.ids is not None and event_id not in order.ids:
        return False
    return order.account is None or event_id.partition(":")[2].startswith(f"{order.account}:")


def _means_event_time(order: Order, record: Record, published_at: datetime) -> bool:
    if order.since is None and order.until is None:
        return True
    try:
        return order.means_time(decode_event(record.value or b"").received_at)
    except MalformedEventError:
        return order.means_time(published_at)


def _means_raw_time(order: Order, record: Record, published_at: datetime) -> bool:
    if order.since is None and order.until is None:
        return True
    try:
        return order.means_time(read_delivery(record.headers, record.value).received_at)
    except MalformedDeliveryError:
        return order.means_time(published_at)
