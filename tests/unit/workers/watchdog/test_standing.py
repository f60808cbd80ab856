"""What is to be done, and when."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.subscribing import State
from workers.watchdog.silence import Silence
from workers.watchdog.standing import (
    LAG,
    MAX_PAUSE,
    Activity,
    account_activity,
    cause,
    falls_quiet,
    goes_on,
    is_due,
    line_activity,
    pause_between,
    unseen,
)

NOW: Final = datetime(2026, 12, 1, tzinfo=UTC)
NEW: Final = unseen("1", "2", NOW)

PAUSES = st.lists(st.timedeltas(timedelta(0), timedelta(hours=3)), max_size=40)
SILENCES = st.none() | st.builds(Silence, st.floats(0, 99), st.floats(10, 99))
STATES: Final[list[State]] = ["subscribed", "missing", "unknown"]
ACTIVITIES: Final[list[Activity]] = ["unknown", "usual", "quiet", "silent"]


INTERVALS = st.timedeltas(timedelta(seconds=1), timedelta(days=1))


@given(PAUSES, INTERVALS)
def test_meta_is_asked_each_interval(pauses: list[timedelta], interval: timedelta) -> None:
    """Not before, but for half a pause, and never later than the look that follows on it."""
    assert is_due(None, interval, NOW)
    early = pause_between(interval) / 2
    now, standing = NOW, NEW.checked("subscribed", None, ["feed"], NOW)
    for pause in pauses:
        now += pause
        due = is_due(standing, interval, now)
        assert due == (now - standing.checked_at >= interval - early)
        if due:
            standing = standing.checked("subscribed", None, ["feed"], now)


@given(INTERVALS, st.lists(st.floats(-0.24, 0.24), min_size=20, max_size=60))
def test_no_look_is_left_out_for_a_moment(interval: timedelta, moments: list[float]) -> None:
    """Looks are some pauses apart, more or less; Meta is asked each interval, more or less."""
    pause = pause_between(interval)
    assert pause <= MAX_PAUSE
    standing = NEW.checked("subscribed", None, ["feed"], NOW)
    for number, moment in enumerate(moments, start=1):
        now = NOW + (number + moment) * pause
        if is_due(standing, interval, now):
            assert abs(now - standing.checked_at - interval) < pause / 2
            standing = standing.checked("subscribed", None, ["feed"], now)


@given(st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(ACTIVITIES)), min_size=1))
def test_since_when_it_stands_so(steps: list[tuple[State, Activity]]) -> None:
    """Times are those of the latest change."""
    standing, now = NEW, NOW
    states, activities = [(NEW.state, NOW)], [(NEW.activity, NOW)]
    for state, activity in steps:
        now += timedelta(minutes=1)
        standing = standing.checked(state, None, [], now).heard(activity, None, now)
        if states[-1][0] != state:
            states.append((state, now))
        if activities[-1][0] != activity:
            activities.append((activity, now))
    assert (standing.state, standing.state_changed_at) == states[-1]
    assert (standing.activity, standing.activity_changed_at) == activities[-1]
    assert standing.checked_at == now


@given(SILENCES, SILENCES)
def test_who_is_silent(line: Silence | None, account: Silence | None) -> None:
    """An account is told to be quiet only while others' deliveries come."""
    whole = line_activity(line)
    found = account_activity(account, whole)
    assert whole in ("unknown", "usual", "silent")
    assert (found == "quiet") == (whole != "silent" and account is not None and account.is_long)
    assert falls_quiet(NEW, NEW.heard(found, None, NOW)) == (found == "quiet")


def test_a_silence_ends_when_something_comes() -> None:
    """Not when the weeks before are forgotten."""
    since = NOW + timedelta(days=1)
    for activity in ("quiet", "silent"):
        heard = NEW.heard(activity, NOW, since)
        assert goes_on(heard, None)
        assert goes_on(heard, NOW)
        assert not goes_on(heard, since + timedelta(seconds=1))
    assert not goes_on(NEW.heard("usual", NOW, since), None)


def test_the_latest_delivery_is_not_forgotten() -> None:
    """History may no longer reach back to it."""
    heard = NEW.heard("usual", NOW, NOW)
    assert heard.heard("quiet", None, NOW + timedelta(days=60)).last_received_at == NOW


@pytest.mark.parametrize(
    ("archived_at", "seen_at", "open_breakers", "why"),
    [
        (None, None, [], "nothing_arrives"),
        (NOW, NOW - LAG, ["persist"], "nothing_arrives"),
        (NOW, NOW - LAG - timedelta(seconds=1), [], "dedupe_behind"),
        (NOW, None, [], "dedupe_behind"),
        (NOW, None, ["dedupe"], "breaker_open"),
    ],
)
def test_why_nothing_comes(
    archived_at: datetime | None, seen_at: datetime | None, open_breakers: list[str], why: str
) -> None:
    """As far as the tables tell."""
    assert cause(archived_at, seen_at, open_breakers) == why
