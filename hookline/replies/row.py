"""An answer of the outbox as operators see it: everything but its message and its person."""

from datetime import datetime
from typing import Any, Final, NamedTuple, get_args

from workers.reply.reply import Kind, State

STATES: Final[tuple[State, ...]] = get_args(State)


class Row(NamedTuple):
    """A row of `replies`.

    Attributes:
        due_at: when it is sent, at the earliest; of an unknown one when it is looked for.
        leased_until: so long its sender may still tell how it ended.
        sending_at: when it was begun last.
        looked_at: when it was looked for last, below the comment.
        asked_at: when what it answers was received, or a person had it sent again.
    """

    reply_key: str
    account_id: str
    event_id: str
    rule: str
    kind: Kind
    media_id: str | None
    comment_id: str | None
    thread_id: str | None
    dry_run: bool
    state: State
    reason: str | None
    reply_id: str | None
    attempts: int
    due_at: datetime | None
    leased_until: datetime | None
    created_at: datetime
    sending_at: datetime | None
    settled_at: datetime | None
    looked_at: datetime | None
    asked_at: datetime | None

    @property
    def waits_for_a_person(self) -> bool:
        """Whether nobody else will find out how it ended."""
        return self.state == "unknown" and self.due_at is None

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return self._asdict()
