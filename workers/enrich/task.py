"""A read that waits for its turn: one row of `enrichment_tasks`."""

from datetime import datetime
from typing import NamedTuple

from schemas.enriched import Endpoint
from schemas.fields import Field


class TaskKey(NamedTuple):
    """One object is read once, whoever asks for it."""

    account_id: str
    endpoint: Endpoint
    object_id: str


class NewTask(NamedTuple):
    """A task to be put down, in the order of the statement's columns."""

    account_id: str
    endpoint: Endpoint
    object_id: str
    event_id: str
    field: Field
    event: str
    priority: int
    due_at: datetime
    known_since: datetime
    """A read after this moment is as good as a new one."""


class Task(NamedTuple):
    """A task that this replica has the lease of."""

    account_id: str
    endpoint: Endpoint
    object_id: str
    event_id: str
    field: Field
    event: str
    priority: int
    attempts: int
    first_ambiguous_at: datetime | None
    answered_at: datetime | None

    @property
    def key(self) -> TaskKey:
        """What names it."""
        return TaskKey(self.account_id, self.endpoint, self.object_id)
