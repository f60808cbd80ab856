"""What metrics tell of changes that were read."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from schemas.enriched import Endpoint, Read, Status
from schemas.fields import Field
from tests.unit.workers.enrich.events import ACCOUNT, RECEIVED_AT, event_json
from workers.enrich.counts import count
from workers.enrich.queue import Recorded


def recorded(field: Field, endpoint: Endpoint, status: Status) -> Recorded:
    """A read, two seconds after its change was received."""
    told = {"account_id": ACCOUNT, "endpoint": endpoint, "object_id": "17", "status": status}
    read = Read.model_validate(told | {"read_at": RECEIVED_AT + timedelta(seconds=2)})
    event = event_json(field, {"id": "17", "media_id": "18"}).decode()
    return Recorded(event, f"{field}:{ACCOUNT}:17", field, read)


def sample(name: str, **labels: str) -> float:
    """What a scrape would find."""
    return REGISTRY.get_sample_value(name, {"stage": "enrich", **labels}) or 0.0


@pytest.mark.parametrize(
    ("field", "endpoint", "status", "counted", "aged"),
    [
        ("comments", "comment", "done", 1, 1),
        ("comments", "comment", "pending", 1, 0),
        ("comments", "media", "done", 0, 0),
        ("live_comments", "live_comment", "unreadable", 1, 0),
        ("mentions", "mentioned_comment", "partial", 1, 1),
        ("mentions", "mentioned_media", "parked", 1, 0),
        ("story_insights", "media", "done", 1, 1),
    ],
)
def test_a_change_counts_by_the_read_of_its_row(
    field: Field, endpoint: Endpoint, status: Status, counted: int, aged: int
) -> None:
    """Once, though its media is read, too; it has an age when it is done."""

    def told() -> tuple[float, float, float]:
        return (
            sample("hookline_changes_total", field=field, outcome=status),
            sample("hookline_event_age_seconds_count", field=field),
            sample("hookline_event_age_seconds_sum", field=field),
        )

    before = told()
    count([recorded(field, endpoint, status)], RECEIVED_AT + timedelta(seconds=2))
    changed = tuple(now - then for now, then in zip(told(), before, strict=True))
    assert changed == (counted, aged, 2.0 * aged)
