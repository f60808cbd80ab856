"""What becomes of a task: nothing is given up too early, and nothing asked for ever."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.answers import Answer
from graph.errors import Action, GraphError, Verdict
from schemas.enriched import Endpoint
from workers.enrich.deferral import RETRIES, Step, after_answer, after_silence, told_apart

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def refused(action: Action, code: int | None = 1, reason: str = "why") -> Answer:
    """An answer that is not what was asked for."""
    return Answer(400, verdict=Verdict(action, reason), error=GraphError(code) if code else None)


def after(answer: Answer, attempts: int = 0, first_at: datetime | None = None) -> Step:
    """The step after a comment's answer, now."""
    return after_answer("comment", answer, attempts, first_at, NOW)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ({"text": "a"}, "done"),
        ({"timestamp": "2017"}, "done"),
        ({"caption": "a"}, "done"),
        ({"id": "1"}, "partial"),
        ({"text": ""}, "partial"),
    ],
)
def test_an_object_is_the_end(found: dict[str, str], status: str) -> None:
    """It is partial when it tells nothing that a person would read."""
    step = after(Answer(200, object=found))
    assert (step.status, step.due_at) == (status, None)


def test_media_is_done_with_whatever_is_told() -> None:
    """There may be no caption."""
    assert after_answer("media", Answer(200, object={}), 0, None, NOW).status == "done"


@pytest.mark.parametrize("action", [Action.FINAL, Action.BUG])
def test_what_cannot_be_read_is_the_end(action: Action) -> None:
    """With Meta's reason."""
    assert after(refused(action)) == Step("unreadable", "why", None, 1)


@pytest.mark.parametrize("action", [Action.WAIT, Action.PARK_ACCOUNT, Action.PARK_FIELD])
@given(attempts=st.integers(0, 100))
def test_what_is_not_about_the_object_counts_for_nothing(action: Action, attempts: int) -> None:
    """The task stays due as it is: what is closed is the budget, the account or the endpoint."""
    first_at = NOW - timedelta(hours=1)
    assert after(refused(action), attempts, first_at) == Step(None, "why", NOW, attempts, first_at)


@given(attempts=st.integers(0, 10**6))
def test_an_outage_is_waited_for_however_long_it_is(attempts: int) -> None:
    """At least once a minute."""
    silence = refused(Action.RETRY, None)
    for step in (after_silence("why", attempts, None, NOW), after(silence, attempts)):
        assert step.status is None
        assert step.due_at is not None
        assert timedelta(seconds=1) <= step.due_at - NOW <= timedelta(minutes=1)


@given(silences=st.integers(1, 200))
def test_an_outage_leaves_tries_for_errors_that_nobody_explains(silences: int) -> None:
    """However long it was: those that come after it are asked for again for hours, too."""
    attempts = 0
    for _ in range(silences):
        attempts = after_silence("why", attempts, None, NOW).attempts
    waited = timedelta(0)
    while (step := after(refused(Action.RETRY), attempts)).due_at is not None:
        waited, attempts = waited + (step.due_at - NOW), step.attempts
    assert waited > timedelta(hours=1)


@pytest.mark.parametrize("code", [None, 2])
@given(attempts=st.integers(0, RETRIES - 2))
def test_a_day_of_looking_goes_on_whatever_comes_between(code: int | None, attempts: int) -> None:
    """Neither an outage nor an error that passes begins it anew."""
    first_at = NOW - timedelta(hours=20)
    between = after(refused(Action.RETRY, code), attempts, first_at)
    assert between.first_ambiguous_at == first_at
    assert after_silence("why", attempts, first_at, NOW).first_ambiguous_at == first_at


def test_an_error_that_nobody_explains_is_asked_for_again_for_hours_and_not_for_ever() -> None:
    """Each time later."""
    waits: list[timedelta] = []
    for attempts in range(RETRIES - 1):
        step = after(refused(Action.RETRY), attempts)
        assert step.due_at is not None
        waits.append(step.due_at - NOW)
    assert waits == sorted(waits)
    assert timedelta(hours=2) < sum(waits, timedelta(0)) < timedelta(hours=12)
    last = after(refused(Action.RETRY), RETRIES - 1)
    assert (last.status, last.reason, last.due_at) == ("unreadable", "retries_exhausted", None)


KINDS: list[Endpoint] = ["comment", "media", "mentioned_media"]
ANSWERS = [
    Answer(200, object={"id": "1"}),
    refused(Action.PARK_FIELD, 10, "permission_missing"),
    refused(Action.PARK_ACCOUNT, 190),
    refused(Action.WAIT, 4),
    refused(Action.AMBIGUOUS, 100),
    refused(Action.RETRY, None),
]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(ANSWERS)), max_size=9))
def test_a_permission_that_others_had_is_not_missing(told: list[tuple[Endpoint, Answer]]) -> None:
    """Of the same kind, in the same call. All other answers stay what they are."""
    had = {kind for kind, answer in told if answer.object is not None}
    apart = told_apart([kind for kind, _ in told], [answer for _, answer in told])
    for (kind, before), after in zip(told, apart, strict=True):
        if before.verdict and before.verdict.action is Action.PARK_FIELD and kind in had:
            assert after.verdict == Verdict(Action.AMBIGUOUS, "permission_missing")
            assert after.error == before.error
        else:
            assert after == before


def test_what_is_not_found_is_looked_for_over_a_day() -> None:
    """Only then it is believed; meanwhile the row is pending, with the reason."""
    now, first_at, looks = NOW, None, 0
    while True:
        step = after_answer("comment", refused(Action.AMBIGUOUS), looks, first_at, now)
        first_at, looks = step.first_ambiguous_at, looks + 1
        assert step.reason == "why"
        if step.due_at is None:
            break
        assert step.status == "pending"
        assert step.due_at > now
        now = step.due_at
    assert step.status == "unreadable"
    assert first_at == NOW
    assert (now - NOW, looks) == (timedelta(hours=24), 5)


@given(
    late=st.lists(st.timedeltas(timedelta(0), timedelta(days=3)), max_size=8),
)
def test_late_looks_end_too(late: list[timedelta]) -> None:
    """However late each of them comes, it is the end once a day has passed."""
    now, first_at = NOW, None
    for delay in late:
        step = after_answer("comment", refused(Action.AMBIGUOUS), 0, first_at, now)
        first_at = step.first_ambiguous_at
        assert (step.status == "unreadable") == (now - NOW >= timedelta(hours=24))
        if step.due_at is None:
            break
        now = step.due_at + delay
