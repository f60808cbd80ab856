"""What became of an answer that was sent. Pure.

Whatever may have been done is `unknown`, and never sent again by itself: the Graph API would do it
twice. Only what was certainly not done goes back to `planned`.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from graph.answers import Answer
from graph.errors import BLOCKED, Action, GraphUnavailableError
from schemas.splitting import id_text
from workers.reply.lookup import LOOKS
from workers.reply.reply import Reply, State

AGAIN_FIRST: Final = timedelta(seconds=1)
AGAIN_MAX: Final = timedelta(minutes=1)

BLOCK_FIRST: Final = timedelta(hours=6)
BLOCK_MAX: Final = timedelta(hours=24)
"""Meta tells no time, and an account that goes on is blocked for longer."""

_NOT_DONE: Final = (Action.WAIT, Action.PARK_ACCOUNT, Action.PARK_FIELD)

_MAYBE_DONE: Final = frozenset({1, 2, 20, 506})
"""Codes after which the answer may be there, whatever else they are told with.

Source: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

_SERVER_ERRORS: Final = 500
"""From this HTTP status on, whatever was at fault may have been at fault after it was done."""

REFUSED: Final = "not_found_or_no_permission"


class Settlement(NamedTuple):
    """What an answer becomes.

    `due_at` is when to send it, for `planned`; when to look for it, for `unknown`, and None where
    nobody can.
    """

    state: State
    reason: str | None = None
    reply_id: str | None = None
    due_at: datetime | None = None


def after_answer(reply: Reply, answer: Answer, now: datetime) -> Settlement:
    """What it becomes after Meta's answer."""
    if answer.object is not None:
        return Settlement("sent", reply_id=id_text(answer.object.get("id")))
    verdict = answer.verdict
    assert verdict is not None  # noqa: S101  # an answer without an object has one
    if verdict.reason == BLOCKED:
        longer = BLOCK_FIRST * (1 << min(reply.attempts - 1, 4))
        return Settlement("planned", verdict.reason, due_at=now + min(longer, BLOCK_MAX))
    if verdict.action in _NOT_DONE:
        # Its pool, account or endpoint is closed until somebody opens it, or time does.
        return Settlement("planned", verdict.reason, due_at=now)
    if _may_be_done(answer):
        return unknown(reply, verdict.reason, now)
    return Settlement("failed", verdict.reason)


def after_silence(reply: Reply, error: GraphUnavailableError, now: datetime) -> Settlement:
    """What it becomes when there was no answer."""
    if error.was_sent:
        return unknown(reply, error.reason, now)
    wait = min(AGAIN_FIRST * (1 << min(reply.attempts - 1, 20)), AGAIN_MAX)
    return Settlement("planned", error.reason, due_at=now + wait)


def unknown(reply: Reply, reason: str, now: datetime) -> Settlement:
    """It may be there. Answers to comments are looked for."""
    return Settlement("unknown", reason, due_at=now + LOOKS[0] if reply.can_be_looked_up else None)


def _may_be_done(answer: Answer) -> bool:
    verdict, error = answer.verdict, answer.error
    if answer.http_status >= _SERVER_ERRORS or (error is not None and error.code in _MAYBE_DONE):
        return True
    if verdict is None or verdict.reason == REFUSED:
        return False
    return verdict.action in (Action.RETRY, Action.AMBIGUOUS)
