"""Enrich's effect: the reads that events ask for, put down as tasks. The runner does them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime import metrics
from runtime.worker import Outcome, Record, dead_letter
from schemas.events import Event, MalformedEventError, decode_event
from schemas.fields import Field
from schemas.settings import GraphSettings
from schemas.topics import ENRICHED_TOPICS, EVENTS_TOPICS
from workers.enrich.counts import SKIPPED, STAGE
from workers.enrich.queue import Queue
from workers.enrich.task import NewTask
from workers.enrich.wanted import PRIORITIES, READ_FROM, wanted_by

DEFAULT_MEDIA_MAX_AGE: Final = timedelta(
    seconds=GraphSettings.model_fields["graph_media_max_age_s"].default
)

EVER: Final = datetime.min.replace(tzinfo=UTC)


class EnrichHandler:
    """Puts down what there is to be read."""

    name = STAGE
    topics = tuple(topic for topic, field in EVENTS_TOPICS.items() if field in READ_FROM)
    publishes_to = tuple(topic for topic, field in ENRICHED_TOPICS.items() if field in READ_FROM)
    gathers_s = 0.1

    def __init__(self, engine: AsyncEngine) -> None:
        self._queue = Queue(engine)
        self.media_max_age = DEFAULT_MEDIA_MAX_AGE
        self.some = asyncio.Event()
        """Set when there may be something to be read."""

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """Puts these events' reads down in one transaction."""
        outcome = Outcome()
        tasks: list[NewTask] = []
        skipped = Counter[Field]()
        now = datetime.now(UTC)
        for record in records:
            value = record.value or b""
            try:
                event = decode_event(value)
            except MalformedEventError as error:
                outcome.dead.append(dead_letter(self.name, record, "malformed_event", str(error)))
            else:
                wanted = new_tasks(event, value.decode(), now, now - self.media_max_age)
                tasks += wanted
                skipped[event.field] += not wanted
        if await self._queue.put(tasks):
            self.some.set()
        for field, count in skipped.items():
            metrics.CHANGES.labels(STAGE, field, SKIPPED).inc(count)
        return outcome


def new_tasks(event: Event, text: str, now: datetime, media_since: datetime) -> list[NewTask]:
    """The tasks of an event whose JSON is `text`. Media read after `media_since` is known."""
    return [
        NewTask(
            event.account_id or "",
            wanted.endpoint,
            wanted.object_id,
            event.event_id,
            event.field,
            text,
            PRIORITIES[event.field],
            now,
            media_since if wanted.endpoint == "media" else EVER,
        )
        for wanted in wanted_by(event)
    ]
