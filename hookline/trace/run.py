"""From an id to its trace: what PostgreSQL holds, then where it is in Kafka."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.trace.life import Trace, TracedDelivery, TracedEvent
from hookline.trace.places import Place, Wanted, find_places
from hookline.trace.search import SEARCHED, search
from hookline.trace.stored import read_deliveries, read_delivery_letters, read_events
from runtime.database import transaction
from runtime.errors import DependencyError
from schemas.fields import FIELDS, Field
from schemas.settings import OperatorSettings
from schemas.topics import events_topic, raw_topic

SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


async def trace(
    engine: AsyncEngine,
    settings: OperatorSettings,
    wanted_id: str,
    *,
    max_events: int,
    show_content: bool,
) -> Trace:
    """The lives of all that an id stands for; none when it is stored nowhere.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        await connection.execute(text(SNAPSHOT))
        found = await search(connection, wanted_id, max_events)
        events = await read_events(connection, found.event_ids, show_content=show_content)
        deliveries = await read_deliveries(
            connection, events, found.delivery_ids, settings.secrets_by_app()
        )
        letters = await read_delivery_letters(
            connection, [*found.delivery_ids, *(one.delivery_id for one in deliveries)]
        )
    stored = Trace(wanted_id, SEARCHED, found.total, deliveries, events, letters)
    try:
        places = await find_places(settings, records_of(stored))
    except DependencyError as error:
        return replace(stored, kafka=str(error))
    return with_places(stored, places)


def records_of(trace: Trace) -> list[Wanted]:
    """The records that these deliveries and events were, or are, in Kafka. Pure."""
    raw = [record for delivery in trace.deliveries for record in _raw_records(delivery).values()]
    return raw + [record for event in trace.events for record in _event_records(event).values()]


def with_places(trace: Trace, places: Mapping[Wanted, Place]) -> Trace:
    """The trace, with the places that were found. Pure."""
    return replace(
        trace,
        deliveries=[
            replace(one, records=[places[r] for r in _raw_records(one).values() if r in places])
            for one in trace.deliveries
        ],
        events=[_event_with_places(event, places) for event in trace.events],
    )


def _event_with_places(event: TracedEvent, places: Mapping[Wanted, Place]) -> TracedEvent:
    records = _event_records(event)
    return replace(
        event,
        claims=[
            replace(claim, record=places.get(records[claim.content_hash]))
            if claim.content_hash in records
            else claim
            for claim in event.claims
        ],
    )


def _raw_records(delivery: TracedDelivery) -> dict[Field, Wanted]:
    """By field: a delivery stands in the raw topic of each of its fields."""
    key, since = delivery.sha256.encode(), delivery.received_at
    return {
        field: Wanted(raw_topic(field), key, delivery.delivery_id, since)
        for field in delivery.fields
    }


def _event_records(event: TracedEvent) -> dict[str, Wanted]:
    """By content: each is published at its claim's key."""
    key = event.event_id.encode()
    field = event.event_id.partition(":")[0]
    topic = next((events_topic(known) for known in FIELDS if known == field), None)
    return {
        claim.content_hash: Wanted(
            topic, key, claim.delivery_id, claim.received_at, claim.content_hash
        )
        for claim in event.claims
        if topic is not None
    }
