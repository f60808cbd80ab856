"""Which dead letters are meant (design B8)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement

from hookline.dead_letters.letter import KNOWN_TOPICS, OF_ONE_EVENT, Letter
from schemas.decoding import UnreadableError
from schemas.splitting import split
from schemas.tables import dead_letters


@dataclass(frozen=True, slots=True)
class Filters:
    """What a letter must be, in every respect that is given. Times are those of its parking."""

    ids: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    stage: str | None = None
    reason: str | None = None
    fingerprint: str | None = None
    field: str | None = None
    account: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL, all but the account, for which records have to be read."""
        columns = dead_letters.c
        found: list[ColumnElement[bool]] = []
        if self.ids:
            found.append(columns.dead_letter_id.in_(self.ids))
        if self.states:
            found.append(columns.state.in_(self.states))
        if self.stage is not None:
            found.append(columns.stage == self.stage)
        if self.reason is not None:
            found.append(columns.reason == self.reason)
        if self.fingerprint is not None:
            found.append(columns.fingerprint == self.fingerprint)
        if self.field is not None:
            topics = [topic for topic, known in KNOWN_TOPICS.items() if known == self.field]
            found.append(columns.source_topic.in_(topics))
        if self.since is not None:
            found.append(columns.parked_at >= self.since)
        if self.until is not None:
            found.append(columns.parked_at < self.until)
        return found


def is_of_account(letter: Letter, account: str, value: bytes | None) -> bool:
    """Whether a letter's record is about an account; False where nobody can know. Pure.

    `value` matters to records of raw topics alone.
    """
    if letter.source_topic in OF_ONE_EVENT:
        return (letter.event_id or "").startswith(f"{letter.field}:{account}:")
    return account in accounts_in(value or b"")


def accounts_in(body: bytes) -> set[str]:
    """The accounts that a delivery's changes are about; none when nobody can read it. Pure."""
    try:
        return {change.account_id for change in split(body) if change.account_id is not None}
    except UnreadableError:
        return set()
