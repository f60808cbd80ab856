"""What became of changes, as metrics tell it: each by the read that its own row is made of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from runtime import metrics
from schemas.enriched import ANSWERED, Endpoint
from schemas.events import decode_event
from schemas.fields import Field
from workers.enrich.queue import Recorded

STAGE: Final = "enrich"

SKIPPED: Final = "skipped"
"""What the Graph API is not asked about, such as a test from Meta's dashboard."""


def count(reads: Sequence[Recorded], now: datetime) -> None:
    """Counts reads that are published: how each ended or why it waits, and its age if it is done.

    One that comes to a row several times, as `pending` and then as `done`, counts each time.
    """
    for recorded in reads:
        field, status = recorded.field, recorded.read.status
        if not decides(field, recorded.read.endpoint):
            continue
        metrics.CHANGES.labels(STAGE, field, status).inc()
        if status in ANSWERED:
            age = now - decode_event(recorded.event.encode()).received_at
            metrics.EVENT_AGE_SECONDS.labels(STAGE, field).observe(age.total_seconds())


def decides(field: Field, endpoint: Endpoint) -> bool:
    """Whether a change of the field has its row from this read: media of comments is read once for
    many. Pure.
    """
    return endpoint != "media" or field == "story_insights"
