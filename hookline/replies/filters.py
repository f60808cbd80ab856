"""Which answers are meant (design B8)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_

from schemas.tables import replies

NAMES = (replies.c.reply_key, replies.c.event_id, replies.c.comment_id, replies.c.reply_id)
"""What an id may be of: the answer, its event, the comment that is answered, the one it became."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What an answer must be, in every respect that is given. Times are those of its planning."""

    ids: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    account: str | None = None
    rule: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        columns = replies.c
        found: list[ColumnElement[bool]] = []
        if self.ids:
            found.append(or_(*(name.in_(self.ids) for name in NAMES)))
        if self.states:
            found.append(columns.state.in_(self.states))
        if self.account is not None:
            found.append(columns.account_id == self.account)
        if self.rule is not None:
            found.append(columns.rule == self.rule)
        if self.reason is not None:
            found.append(columns.reason == self.reason)
        if self.since is not None:
            found.append(columns.created_at >= self.since)
        if self.until is not None:
            found.append(columns.created_at < self.until)
        return found
