"""An answer that a person orders: whether it can be given, and whether it was before. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple

from hookline.replies.answered import Answered
from hookline.replies.prospect import Circumstances, account_problem
from hookline.replies.target import Target
from schemas.canonical import column_text
from workers.reply.facts import Ours, person
from workers.reply.reply import MANUAL, MAX_CHARACTERS, NewReply, State

Course = Literal["new", "again", "underway", "done", "unknown"]
"""What to do with an order: plan it; plan it once more, for it was not sent; nothing, for it is on
its way, was sent, or somebody has to find out first whether it was.
"""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An answer to the same event that is planned, was given, or came to nothing."""

    reply_key: str
    rule: str
    message: str = field(repr=False)
    dry_run: bool
    state: State


class Plan(NamedTuple):
    """What to do, and with which answer; None for a new one."""

    course: Course
    reply_key: str | None = None


def message_of(given: str) -> str:
    """The text of an answer, as it is sent.

    Raises:
        ValueError: nobody can send it; its message says why.
    """
    text = given.strip()
    if not text:
        raise ValueError("an answer without a text")
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{len(text):,} characters; Instagram takes {MAX_CHARACTERS:,}")
    return column_text(text)


def refusal(
    target: Target, answered: Answered | None, ours: Ours, about: Circumstances
) -> str | None:
    """Why it is not answered, if so."""
    if problem := account_problem(target.account_id, target.kind, about):
        return f"{problem}: hookline accounts connect"
    if target.comment_id in ours.reply_ids or (answered and _is_ours(answered, ours)):
        return "It is of ours, or of another connected account"
    if answered is None:
        return None
    if answered.deleted_at is not None:
        return "It was deleted"
    if answered.hidden:
        return "Meta takes no answers to hidden comments"
    return "Meta takes no answers to live comments" if answered.is_live else None


def _is_ours(answered: Answered, ours: Ours) -> bool:
    username = answered.username
    return (
        answered.is_own
        or answered.from_id in ours.account_ids
        or (username is not None and username.casefold() in ours.usernames)
    )


def plan(earlier: Sequence[Earlier], message: str) -> Plan:
    """What to do with an order: the same text for the same event is the same order."""
    for one in earlier:
        if one.rule == MANUAL and one.message == message:
            return Plan(_COURSES[one.state], one.reply_key)
    return Plan("new")


_COURSES: Final[dict[State, Course]] = {
    "planned": "underway",
    "sending": "underway",
    "sent": "done",
    "failed": "again",
    "unknown": "unknown",
}


def warnings(
    answered: Answered | None, earlier: Sequence[Earlier], about: Circumstances
) -> list[str]:
    """What a person should know before: that it was answered, or is not known."""
    told = [
        f"{_EARLIER[one.state]}: {one.reply_key}"
        for one in earlier
        if one.state in _EARLIER and not one.dry_run
    ]
    if answered is None:
        told.append("Nothing is stored of it: whether it is ours, hidden or live is not known.")
    else:
        if answered.username is None and answered.from_id is None:
            told.append("It is not known who wrote it: perhaps we did.")
        if answered.has_own_reply and not any(one.state == "sent" for one in earlier):
            told.append("A comment of ours stands below it already.")
    if about.blocked_until is not None:
        told.append(f"Meta blocks the account's answers: it waits until {about.blocked_until}.")
    return told


_EARLIER: Final[dict[State, str]] = {
    "planned": "Another answer is planned",
    "sending": "Another answer is being sent",
    "sent": "It was answered already",
    "unknown": "It was answered already, perhaps",
}


def new_reply(target: Target, answered: Answered | None, message: str, now: datetime) -> NewReply:
    """The answer that a person ordered."""
    known_media = answered.media_id if answered else None
    top = (answered.parent_id if answered else None) or target.comment_id
    return NewReply(
        account_id=target.account_id,
        event_id=target.event_id,
        rule=MANUAL,
        kind=target.kind,
        media_id=target.media_id or known_media,
        comment_id=target.comment_id,
        thread_id=top if target.kind == "comment" else None,
        person=person(answered.username, answered.from_id) if answered else None,
        message=message,
        dry_run=False,
        due_at=now,
    )
