"""What answers tell the budget."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.answers import Answer
from graph.budget.outcomes import outcomes_of, outcomes_without_answer
from graph.budget.pool import Outcome
from graph.errors import ABSENT, GraphError, GraphUnavailableError, judge
from graph.usage import Usage

HOUR = timedelta(hours=1)


def _ok(**usage: float) -> Answer:
    return Answer(200, object={}, usage=Usage(**usage))  # type: ignore[arg-type]  # percents only


def _refused(code: int, subcode: int | None = None, usage: Usage | None = None) -> Answer:
    error = GraphError(code, subcode)
    return Answer(400, verdict=judge(error, 400), error=error, usage=usage or Usage())


def test_calls_that_gave_something_were_counted() -> None:
    """Of the others nobody knows."""
    answers = [_ok(app_percent=3.0), _ok(account_percent=7.0), Answer(400, verdict=ABSENT)]
    assert outcomes_of(answers) == {"app": Outcome(3, 2, 3.0), "account": Outcome(3, 2, 7.0)}


def test_nothing_called() -> None:
    """Nothing told."""
    assert outcomes_of([]) == {"app": Outcome(0, 0), "account": Outcome(0, 0)}


@pytest.mark.parametrize(
    ("answer", "app", "account"),
    [
        (_refused(4), HOUR, None),
        (_refused(17), None, HOUR),
        (_refused(80002), None, HOUR),
        (_refused(613, 1996), None, timedelta(minutes=15)),
        (_refused(80002, usage=Usage(regain=timedelta(minutes=7))), None, timedelta(minutes=7)),
        (_refused(80002, usage=Usage(retry_after=timedelta(hours=2))), None, timedelta(hours=2)),
        (_refused(4, usage=Usage(retry_after=timedelta(hours=2))), timedelta(hours=2), None),
        (_refused(100, 33, Usage(retry_after=timedelta(hours=2))), None, None),
        (_refused(190), None, None),
        (_ok(app_percent=100.0), HOUR, None),
        (_ok(account_percent=100.0), None, HOUR),
        (_ok(account_percent=99.0), None, None),
        (Answer(200, object={}, usage=Usage(regain=timedelta(minutes=7))), None,
         timedelta(minutes=7)),
    ],
)  # fmt: skip
def test_who_is_blocked_and_how_long(
    answer: Answer, app: timedelta | None, account: timedelta | None
) -> None:
    """What Meta tells comes before what is usual; a block of one pool is none of the other."""
    outcomes = outcomes_of([_ok(), answer])
    assert outcomes["app"].blocked_for == app
    assert outcomes["account"].blocked_for == account


@given(st.lists(st.sampled_from([4, 17, 100, 190, 368, 613, 80002, 1]), max_size=50))
def test_a_batch_is_blocked_when_one_of_it_is(codes: list[int]) -> None:
    """By the longest of the times."""
    outcomes = outcomes_of([_refused(code) for code in codes])
    assert (outcomes["app"].blocked_for is not None) == (4 in codes)
    assert (outcomes["account"].blocked_for is not None) == bool({17, 368, 613, 80002} & {*codes})


@pytest.mark.parametrize(("was_sent", "ended"), [(True, 50), (False, 0)])
def test_no_answer(was_sent: bool, ended: int) -> None:
    """What never left was not counted; what left may have been."""
    error = GraphUnavailableError("graph_timeout", "no", was_sent=was_sent)
    assert outcomes_without_answer(50, error) == {
        "app": Outcome(ended, 0),
        "account": Outcome(ended, 0),
    }
