"""What becomes of an answer when a person says how it ended. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from hookline.moments import shown
from hookline.replies.row import Row
from workers.reply.reply import State


class Word(StrEnum):
    """What a person says of an answer."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    AGAIN = "again"
    """It was not sent, and is to be."""


BECOMES: dict[Word, State] = {Word.SENT: "sent", Word.NOT_SENT: "failed", Word.AGAIN: "planned"}


class Judgement(NamedTuple):
    """What an answer becomes, or why it stays as it is."""

    becomes: State | None
    refusal: str | None = None


def judge(row: Row, word: Word, now: datetime) -> Judgement:
    """What an answer becomes. Whatever is planned can be struck off."""
    refusal = None
    match row.state, word:
        case "sent", _:
            refusal = "was sent: there is nothing to be settled"
        case "sending", _ if row.leased_until is not None and row.leased_until > now:
            refusal = f"is being sent: how it ended is known by {shown(row.leased_until)}"
        case "planned", Word.SENT | Word.AGAIN:
            refusal = "waits to be sent; --not-sent has it never sent"
        case "failed", Word.NOT_SENT:
            refusal = "was not sent, as is known; --not-sent --again has it sent"
        case "failed", Word.SENT if not row.attempts:
            refusal = "was never begun, so it cannot have been sent"
        case "failed", Word.AGAIN if row.dry_run:
            refusal = f"is a dry run: answer with `hookline replies send '{row.event_id}'`"
    return Judgement(None, refusal) if refusal else Judgement(BECOMES[word])
