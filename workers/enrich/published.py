"""A read as the enriched topics carry it. Pure."""

from runtime.publisher import OutRecord
from schemas.enriched import encode_enriched
from schemas.events import decode_event
from schemas.topics import enriched_topic
from workers.enrich.queue import Recorded


def enriched_record(recorded: Recorded) -> OutRecord:
    """The record of a read, in its field's topic."""
    event = recorded.event.encode()
    delivery_id = decode_event(event).delivery_id
    return OutRecord(
        enriched_topic(recorded.field),
        recorded.event_id.encode(),
        encode_enriched(event, recorded.read),
        [("delivery-id", delivery_id.encode())],
    )
