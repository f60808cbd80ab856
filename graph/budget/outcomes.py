"""What the answers to a reservation's calls tell about each pool. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from graph.answers import Answer
from graph.budget.pool import FULL_PERCENT, WINDOWS, Outcome, PoolName
from graph.errors import GraphUnavailableError
from graph.usage import greatest

FULL_FOR: Final = timedelta(hours=1)
"""How long a pool that is used up is let alone, when nothing tells it."""


def outcomes_of(answers: Sequence[Answer]) -> dict[PoolName, Outcome]:
    """How these calls ended. Meta certainly counted those that gave an object."""
    usage = greatest(answer.usage for answer in answers)
    counted = sum(answer.verdict is None for answer in answers)
    retry_after = usage.retry_after
    app, account = usage.app_percent, usage.account_percent
    return {
        "app": Outcome(
            len(answers), counted, app, _blocked_for("app", answers, app, None, retry_after)
        ),
        "account": Outcome(
            len(answers),
            counted,
            account,
            _blocked_for("account", answers, account, usage.regain, retry_after),
        ),
    }


def outcomes_without_answer(count: int, error: GraphUnavailableError) -> dict[PoolName, Outcome]:
    """How `count` calls ended that gave no answer: Meta may have counted them, if they left."""
    ended = count if error.was_sent else 0
    return {name: Outcome(ended=ended, counted=0) for name in WINDOWS}


def _blocked_for(
    name: PoolName,
    answers: Sequence[Answer],
    percent: float | None,
    regain: timedelta | None,
    retry_after: timedelta | None,
) -> timedelta | None:
    """For how long the pool refuses calls; None when it does not.

    What Meta tells comes before what is usual.
    """
    verdicts = [answer.verdict for answer in answers if answer.verdict is not None]
    usual = [verdict.wait for verdict in verdicts if verdict.wait and verdict.pool == name]
    if percent is not None and percent >= FULL_PERCENT:
        usual.append(FULL_FOR)
    if regain is not None:
        return regain
    return (retry_after or max(usual)) if usual else None
