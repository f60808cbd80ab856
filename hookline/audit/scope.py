"""What an audit looks at: which times and fields, and what may still be on its way. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.fields import FIELDS, Field


@dataclass(frozen=True, slots=True)
class Scope:
    """Changes received in [since, until), of one field or all. `at` is the moment of the audit.

    What is in flight for longer than `grace` counts as missing.
    """

    at: datetime
    grace: timedelta
    since: datetime | None = None
    until: datetime | None = None
    field: str | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that are looked at."""
        return tuple(field for field in FIELDS if self.field in (None, field))

    @property
    def overdue_before(self) -> datetime:
        """What came before this moment has had its time."""
        return self.at - self.grace

    def holds(self, received_at: datetime) -> bool:
        """Whether something received then is looked at."""
        return not (
            (self.since is not None and received_at < self.since)
            or (self.until is not None and received_at >= self.until)
        )

    def parameters(self) -> Mapping[str, Any]:
        """The values of the queries' placeholders."""
        return {
            "since": self.since or datetime.min.replace(tzinfo=UTC),
            "until": self.until or datetime.max.replace(tzinfo=UTC),
            "fields": list(self.fields),
            "overdue_before": self.overdue_before,
        }
