"""An answer: what is sent to whom, at most once. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from graph import requests
from graph.requests import GraphWrite

Kind: TypeAlias = Literal["comment_mention", "caption_mention", "comment"]
"""What is answered: a mention in somebody's comment or caption, or a comment on our own media."""

State: TypeAlias = Literal["planned", "sending", "sent", "failed", "unknown"]

MAX_CHARACTERS: Final = 2_200
"""The longest comment on Instagram."""

MANUAL: Final = "manual"
"""The rule of answers that a person ordered."""


@dataclass(frozen=True, slots=True)
class NewReply:
    """An answer to be sent. What people wrote, and who they are, is not shown.

    Attributes:
        event_id: what is answered.
        rule: why; `manual` when a person said so.
        media_id: where it stands.
        comment_id: that is answered; None for a caption.
        thread_id: the comment at the top, below which an answer to a comment is found again.
        person: who is answered, as `workers.reply.facts.person` has it; for limits.
        due_at: not before.
        asked_at: when what is answered was received; None where only its order counts.
        number: which one it is of those that a person ordered for the event, from 1.
    """

    account_id: str
    event_id: str
    rule: str
    kind: Kind
    media_id: str | None
    comment_id: str | None
    thread_id: str | None
    person: str | None = field(repr=False)
    message: str = field(repr=False)
    dry_run: bool
    due_at: datetime
    asked_at: datetime | None = None
    number: int = 1

    @property
    def reply_key(self) -> str:
        """The same for the same answer, whenever it is planned."""
        key = f"{self.event_id}#{self.rule}"
        return key if self.number == 1 else f"{key}#{self.number}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is being sent, or of which it is not known whether it was.

    Attributes:
        attempts: how often it was begun, this time included.
        sending_at: when it was begun.
    """

    reply_key: str
    account_id: str
    rule: str
    kind: Kind
    media_id: str | None
    comment_id: str | None
    thread_id: str | None
    message: str = field(repr=False)
    attempts: int
    sending_at: datetime

    @property
    def can_be_looked_up(self) -> bool:
        """Whether Meta tells the answers that are there: to comments on our media alone."""
        return self.kind == "comment"


def write_of(reply: Reply) -> GraphWrite:
    """The call that sends it.

    Raises:
        ValueError: its ids are none of Meta's.
    """
    if reply.kind == "comment":
        return requests.comment_reply(reply.comment_id or "", reply.message)
    return requests.mention_reply(
        reply.account_id, reply.media_id or "", reply.comment_id, reply.message
    )
