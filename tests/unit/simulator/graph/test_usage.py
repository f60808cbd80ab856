"""Calls counted over a rolling window."""

from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.usage import Limit, Pool

WAITS = st.lists(st.integers(0, 30), max_size=60)


@given(WAITS, st.integers(0, 8), st.integers(1, 50), st.integers(0, 20))
def test_calls_are_let_through_exactly_while_there_is_room(
    waits: list[int], calls: int, window_s: int, penalty_s: int
) -> None:
    """As counted by hand: all calls of the window, and the penalty after the last refusal."""
    pool = Pool(Limit(calls, window_s, penalty_s))
    times: list[int] = []
    shut_until = now = 0
    refusals = 0
    for wait in waits:
        now += wait
        counted = sum(time > now - window_s for time in times)
        refused = counted >= calls or now < shut_until
        assert pool.call(now) is not refused
        times.append(now)
        if refused:
            refusals += 1
            shut_until = now + penalty_s
    assert pool.summary(now)["calls"] == len(waits)
    assert pool.throttled == refusals


@given(WAITS, st.integers(1, 8), st.integers(1, 50), st.integers(0, 20))
def test_the_time_to_regain_is_exact(
    waits: list[int], calls: int, window_s: int, penalty_s: int
) -> None:
    """A call at that time is let through, and none before it."""
    pool = Pool(Limit(calls, window_s, penalty_s))
    now = 0
    for wait in waits:
        now += wait
        pool.call(now)
    regain_s = pool.regain_s(now)
    if regain_s:
        assert pool.regain_s(now + regain_s - 1) > 0
    assert pool.regain_s(now + regain_s) == 0


def test_percent_is_rounded_down_and_reaches_100_with_the_last_call() -> None:
    """The call that fills the limit is answered, the next one is not, and says for how long."""
    pool = Pool(Limit(7, 600))
    percents = []
    for _ in range(7):
        assert pool.call(0)
        percents.append((pool.told(0) or {})["call_count"])
    assert percents == [14, 28, 42, 57, 71, 85, 100]
    assert pool.told_regain_minutes(0) == 10
    assert not pool.call(60)
    assert (pool.told(60) or {})["call_count"] == 114
    assert pool.told_regain_minutes(60) == 9


def test_calling_while_blocked_prolongs_the_block() -> None:
    """A refused call counts as well, and keeps the pool shut for the penalty at least."""
    pool = Pool(Limit(1, 100, penalty_s=50))
    pool.call(0)
    assert pool.regain_s(0) == 100
    assert not pool.call(90)
    assert pool.regain_s(90) == 100
    shut = Pool(Limit(3, 100, penalty_s=50))
    for _ in range(3):
        shut.call(0)
    assert not shut.call(99)
    assert shut.in_window(100) == 1
    assert shut.regain_s(100) == 49
    assert not shut.call(148)
    assert shut.regain_s(149) == 49
    assert shut.call(198)


def test_nothing_is_told_before_enough_calls() -> None:
    """And refusals are told apart by whether anything was."""
    pool = Pool(Limit(2, 100, told_after=4))
    for _ in range(3):
        pool.call(0)
        assert pool.told(0) is None
    assert (pool.throttled, pool.throttled_after_told) == (1, 0)
    pool.call(0)
    assert pool.told(0) is not None
    pool.call(0)
    assert (pool.throttled, pool.throttled_after_told) == (3, 1)


def test_a_minute_may_be_shorter() -> None:
    """Told minutes are those of compressed time, rounded up."""
    pool = Pool(Limit(1, 10, minute_s=0.5))
    pool.call(0)
    assert pool.told_regain_minutes(0.1) == 20
