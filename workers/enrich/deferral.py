"""What becomes of a task after its call. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from graph.answers import Answer
from graph.errors import BATCH_REFUSED, Action, Verdict
from schemas.enriched import Endpoint, Status

RETRY_FIRST: Final = timedelta(seconds=1)
RETRY_OUTAGE_MAX: Final = timedelta(minutes=1)
RETRY_ANSWERED_MAX: Final = timedelta(minutes=15)

RETRIES: Final = 20
"""So often the Graph API may say that it does not know what is wrong: five hours, mostly."""

SILENCES: Final = 6
"""So many attempts without an answer are counted: by then the longest time between two is reached,
and an outage must not use up those that `RETRIES` are."""

LOOKS: Final = (
    timedelta(minutes=5),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
"""When to look again for what may be missing or hidden, since it was first not found. What a
restricted user wrote, for example, can be read once somebody has approved it.

Source: https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment.md
"""


class Step(NamedTuple):
    """What is next.

    Attributes:
        status: of the row, to be recorded and published; None when the call told nothing about it.
        reason: why it is not done.
        due_at: when to ask again; None when it is never asked for again.
        attempts: that failed so far, those that the budget refused not counted, and of those
            without an answer the first ones only.
        first_ambiguous_at: since when it is not found.
    """

    status: Status | None
    reason: str | None
    due_at: datetime | None
    attempts: int
    first_ambiguous_at: datetime | None = None


def told_apart(endpoints: Sequence[Endpoint], answers: Sequence[Answer]) -> list[Answer]:
    """The answers of one call, where a permission that others of the same kind had is not missing.

    What is refused all the same is looked for again, as what may be hidden; else one odd object
    would stop all of its kind, again and again.
    """
    had = {
        endpoint
        for endpoint, answer in zip(endpoints, answers, strict=True)
        if answer.object is not None
    }
    return [
        replace(answer, verdict=Verdict(Action.AMBIGUOUS, verdict.reason))
        if endpoint in had and (verdict := answer.verdict) and verdict.action is Action.PARK_FIELD
        else answer
        for endpoint, answer in zip(endpoints, answers, strict=True)
    ]


def after_answer(
    endpoint: Endpoint,
    answer: Answer,
    attempts: int,
    first_ambiguous_at: datetime | None,
    now: datetime,
) -> Step:
    """The step after an answer to an `attempts + 1`st call."""
    if answer.object is not None:
        return _done(endpoint, answer.object, attempts)
    verdict = answer.verdict
    assert verdict is not None  # noqa: S101  # an answer without an object has one
    if verdict.action is Action.RETRY:
        return _again(verdict, answer, attempts, first_ambiguous_at, now)
    if verdict.action is Action.AMBIGUOUS:
        return _looked(verdict, attempts, first_ambiguous_at or now, now)
    if verdict.action in (Action.FINAL, Action.BUG):
        return Step("unreadable", verdict.reason, None, attempts + 1)
    # The budget, the account or the endpoint is closed, not the task: it stays due.
    return Step(None, verdict.reason, now, attempts, first_ambiguous_at)


def after_silence(
    reason: str, attempts: int, first_ambiguous_at: datetime | None, now: datetime
) -> Step:
    """The step when there was no answer. Outages end; nothing is given up for them."""
    counted = max(attempts, min(attempts + 1, SILENCES))
    due_at = now + _backoff(attempts, RETRY_OUTAGE_MAX)
    return Step(None, reason, due_at, counted, first_ambiguous_at)


def is_silence(answer: Answer) -> bool:
    """Whether the Graph API did not speak: a server in front of it did, or it spoke of a batch."""
    verdict = answer.verdict
    if verdict is None or verdict.action is not Action.RETRY:
        return False
    return answer.error is None or verdict == BATCH_REFUSED


def _done(endpoint: Endpoint, found: dict[str, Any], attempts: int) -> Step:
    """Of media everything is welcome; a comment or mention without text and time tells little."""
    told = found.get("text") or found.get("caption") or found.get("timestamp")
    if endpoint == "media" or told:
        return Step("done", None, None, attempts + 1)
    return Step("partial", "no_text_and_time", None, attempts + 1)


def _again(
    verdict: Verdict,
    answer: Answer,
    attempts: int,
    first_ambiguous_at: datetime | None,
    now: datetime,
) -> Step:
    if is_silence(answer):
        return after_silence(verdict.reason, attempts, first_ambiguous_at, now)
    if attempts + 1 >= RETRIES:
        return Step("unreadable", "retries_exhausted", None, attempts + 1)
    due_at = now + _backoff(attempts, RETRY_ANSWERED_MAX)
    return Step(None, verdict.reason, due_at, attempts + 1, first_ambiguous_at)


def _looked(verdict: Verdict, attempts: int, first_at: datetime, now: datetime) -> Step:
    due_at = next((first_at + look for look in LOOKS if first_at + look > now), None)
    status: Status = "unreadable" if due_at is None else "pending"
    return Step(status, verdict.reason, due_at, attempts + 1, first_at)


def _backoff(attempts: int, longest: timedelta) -> timedelta:
    return min(RETRY_FIRST * (1 << min(attempts, 20)), longest)
