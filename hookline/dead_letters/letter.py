"""One dead letter as operators see it: everything but the record's content."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from runtime.worker import ATTEMPT
from schemas.dead_letters import FIRST_SOURCE, ORIGINAL
from schemas.topics import ENRICHED_TOPICS, EVENTS_TOPICS, RAW_TOPICS

OF_ONE_EVENT: Final = {**EVENTS_TOPICS, **ENRICHED_TOPICS}
"""Topics of which each record is about one event, which is its key, with their fields."""

KNOWN_TOPICS: Final = {**RAW_TOPICS, **OF_ONE_EVENT}
"""Topics that records are sent to again, with their fields."""


class RecordId(NamedTuple):
    """What the letters about one record share, of whatever stage and attempt."""

    source_topic: str
    first_source: str
    delivery_id: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of `dead_letters` without key, value and headers.

    `failed_again` says that its record was given up once more after it was sent again, and has a
    newer letter. `event_id` is known of records about one event.
    """

    dead_letter_id: str
    state: str
    stage: str
    reason: str
    detail: str
    fingerprint: str
    attempts: int
    source_topic: str
    source_partition: int
    source_offset: int
    first_source: str
    delivery_id: str | None
    event_id: str | None
    size_bytes: int
    version: str
    first_failed_at: datetime
    parked_at: datetime
    state_changed_at: datetime | None
    operation_id: str | None
    failed_again: bool

    @property
    def field(self) -> str | None:
        """The field of its topic; None when the topic is none of ours."""
        return KNOWN_TOPICS.get(self.source_topic)

    @property
    def record_id(self) -> RecordId:
        """Which record it is about."""
        return RecordId(self.source_topic, self.first_source, self.delivery_id or "")

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        found: dict[str, Any] = {"field": self.field}
        for name, value in asdict(self).items():
            found[name] = value.isoformat() if isinstance(value, datetime) else value
        return found


def headers_again(
    stored: Mapping[str, str], *, attempts: int, first_source: str
) -> list[tuple[str, bytes]]:
    """The headers of a record that is sent again: its own, how often it was given up, and where
    it first stood.

    `stored` are the headers of its dead letter as the table keeps them.
    """
    own = {
        name.removeprefix(ORIGINAL): text
        for name, text in stored.items()
        if name.startswith(ORIGINAL)
    }
    told = {**own, ATTEMPT: str(attempts), FIRST_SOURCE: first_source}
    return [(name, text.encode()) for name, text in told.items()]
