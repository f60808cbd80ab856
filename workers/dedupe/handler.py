"""Dedupe's effect: claims and sightings in one transaction, then the events that travel on."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from runtime import metrics
from runtime.database import transaction
from runtime.errors import RejectError
from runtime.publisher import OutRecord
from runtime.worker import Outcome, Record, dead_letter
from schemas.events import WEBHOOK, Verdict, brought_by, encode_event
from schemas.identity import ClaimKey
from schemas.topics import EVENTS_TOPICS, RAW_TOPICS, events_topic
from workers.dedupe.claims import claim, insert_sightings, lower_claims
from workers.dedupe.sighting import (
    Claim,
    ContentId,
    Sighting,
    least_by_content,
    lowered,
    sightings_in,
    verdicts,
)


class DedupeHandler:
    """Splits raw records and passes each event's distinct contents on."""

    name = "dedupe"
    topics = tuple(RAW_TOPICS)
    publishes_to = tuple(EVENTS_TOPICS)
    gathers_s = 0.0

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """Claims and sights every change of these records in one transaction."""
        outcome = Outcome()
        seen: list[Sighting] = []
        for record in records:
            try:
                seen += sightings_in(record)
            except RejectError as error:
                outcome.dead.append(dead_letter(self.name, record, error.reason, error.detail))
        if not seen:
            return outcome
        async with transaction(self._engine) as connection:
            claims = await _claim(connection, seen)
            judged = verdicts(seen, claims)
            await insert_sightings(connection, seen, judged)
        outcome.results = [
            _event_record(sighting, verdict)
            for sighting, verdict in zip(seen, judged, strict=True)
            if verdict != "repeat"
        ]
        self._count(seen, judged)
        return outcome

    def _count(self, seen: Sequence[Sighting], judged: Sequence[Verdict]) -> None:
        now = datetime.now(UTC)
        counts = Counter((s.change.field, v) for s, v in zip(seen, judged, strict=True))
        for (field, verdict), count in counts.items():
            metrics.CHANGES.labels(self.name, field, verdict).inc(count)
        for delivery in {(s.change.field, s.key.received_at) for s in seen}:
            age_s = (now - delivery[1]).total_seconds()
            metrics.EVENT_AGE_SECONDS.labels(self.name, delivery[0]).observe(age_s)
        latest: dict[str, datetime] = {}
        for sighting in seen:
            if sighting.change.account_id and not sighting.identity.is_test:
                account_id = sighting.change.account_id
                known = latest.get(account_id, sighting.key.received_at)
                latest[account_id] = max(known, sighting.key.received_at)
        for account_id, received_at in latest.items():
            metrics.LAST_DELIVERY.labels(account_id).set(received_at.timestamp())


async def _claim(
    connection: AsyncConnection, seen: Sequence[Sighting]
) -> dict[ContentId, ClaimKey]:
    """Claims the contents seen; gives the claims on all contents of their events."""
    least = least_by_content(seen)
    claims = await claim(connection, [Claim(id_, first.key) for id_, first in least.items()])
    earlier = lowered(least, claims)
    if earlier:
        claims |= await lower_claims(connection, earlier)
    return claims


def _event_record(sighting: Sighting, verdict: Verdict) -> OutRecord:
    event = encode_event(sighting.change, sighting.identity, sighting.key)
    return OutRecord(
        events_topic(sighting.change.field),
        sighting.identity.event_id.encode(),
        event if sighting.source == WEBHOOK else brought_by(sighting.source, event),
        [
            ("delivery-id", sighting.key.delivery_id.encode()),
            ("verdict", verdict.encode()),
        ],
    )
