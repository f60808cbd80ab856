"""Deliveries that only some of their topics have, completed from the archive.

Ingest publishes a delivery of several fields to several topics. When Kafka goes away in between,
or ingest dies, one of them has it and another does not. Nobody acknowledged it, and Meta sends it
again, as another delivery. But what is archived has to become rows as well, or tables would not
follow from what was received: so what is missing is published here, a minute later.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from runtime.errors import KafkaUnavailableError, RejectError
from runtime.lifecycle import unless_stopped
from runtime.publisher import OutRecord, Publisher
from runtime.retry import Retry
from schemas.deliveries import Delivery, body_key, delivery_headers
from schemas.fields import Field
from schemas.tables import SCHEMA, dead_letters, deliveries, sightings
from schemas.topics import raw_topic

PATIENCE: Final = timedelta(minutes=1)
"""Records that are on their way arrive within it."""

REACH: Final = timedelta(days=1)
"""What was received before is left to `hookline audit`, which names it."""

LOOK_INTERVAL_S: Final = 30.0
LOOK_COUNT: Final = 1000
PUBLISH_TIMEOUT_S: Final = 30.0

# Dedupe has seen a change of the delivery: it is not just behind.
_IN_PART: Final = f"""
SELECT d.received_at, d.delivery_id::text, field
FROM {SCHEMA}.{deliveries.name} AS d CROSS JOIN LATERAL jsonb_object_keys(d.changes) AS field
WHERE d.received_at >= :since AND d.received_at < :until AND cardinality(d.fields) > 1
    AND EXISTS (
        SELECT FROM {SCHEMA}.{sightings.name} AS s
        WHERE s.received_at = d.received_at AND s.delivery_id = d.delivery_id)
    AND NOT EXISTS (
        SELECT FROM {SCHEMA}.{sightings.name} AS s
        WHERE s.received_at = d.received_at AND s.delivery_id = d.delivery_id
            AND starts_with(s.event_id, field || ':'))
    AND NOT EXISTS (
        SELECT FROM {SCHEMA}.{dead_letters.name} AS l
        WHERE l.stage = 'dedupe' AND l.delivery_id = d.delivery_id)
ORDER BY d.received_at LIMIT {LOOK_COUNT}
"""  # noqa: S608 - names of ours

_DELIVERY: Final = f"""
SELECT delivery_id::text, received_at, app_id, signature, source, body
FROM {SCHEMA}.{deliveries.name} WHERE received_at = :received_at AND delivery_id = :delivery_id
"""  # noqa: S608 - names of ours

log = structlog.get_logger()


class _Missing(NamedTuple):
    """A topic that lacks a delivery."""

    received_at: datetime
    delivery_id: str
    field: Field


class Completion:
    """Publishes what is missing of deliveries; each once, as long as it lives."""

    def __init__(self, engine: AsyncEngine, publisher: Publisher, retry: Retry) -> None:
        self._engine = engine
        self._publisher = publisher
        self._retry = retry
        self._done: set[_Missing] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Looks every half minute, until `stop` is set."""
        while not stop.is_set():
            await unless_stopped(stop, self._retry.until_done(self.look))
            await unless_stopped(stop, asyncio.sleep(LOOK_INTERVAL_S))

    async def look(self) -> None:
        """Completes what is found now.

        Raises:
            RetryError: PostgreSQL or Kafka is away.
        """
        now = datetime.now(UTC)
        self._done = {one for one in self._done if one.received_at >= now - REACH}
        for missing in await self._in_part(now):
            await self._complete(missing)
            self._done.add(missing)

    async def _in_part(self, now: datetime) -> list[_Missing]:
        bounds = {"since": now - REACH, "until": now - PATIENCE}
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(text(_IN_PART), bounds)).all()
        found = [_Missing(*row) for row in rows]
        return [one for one in found if one not in self._done]

    async def _complete(self, missing: _Missing) -> None:
        async with transaction(self._engine) as connection:
            key = {"received_at": missing.received_at, "delivery_id": missing.delivery_id}
            row = (await connection.execute(text(_DELIVERY), key)).first()
        if row is None:
            return  # taken out of the archive meanwhile
        delivery = Delivery(*row)
        headers = delivery_headers(delivery)
        topic = raw_topic(missing.field)
        record = OutRecord(topic, body_key(delivery.body), delivery.body, headers)
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await self._publisher.publish(record)
        except TimeoutError as error:
            raise KafkaUnavailableError("acks outstanding") from error
        except RejectError as error:  # INGEST_MAX_BODY_BYTES was lowered since
            log.error("delivery_not_completed", topic=topic, reason=error.reason)
        else:
            log.warning("delivery_completed", topic=topic, delivery_id=missing.delivery_id)
