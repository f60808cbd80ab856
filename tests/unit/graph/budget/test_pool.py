"""How many calls a pool lets through."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.budget.pool import (
    UNKNOWN_ALLOWANCE,
    Outcome,
    Pool,
    allowance,
    look_again_at,
    reserve,
    settle,
)
from tests.unit.graph.budget.meta import BEGIN, RULES, Limit, Run

moments = st.integers(0, 200_000).map(lambda seconds: BEGIN + timedelta(seconds=seconds))
counts = st.integers(0, 10_000)
percents = st.none() | st.integers(0, 900).map(float)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Anything that a row may hold."""
    reserved = draw(counts)
    used = draw(percents)
    return Pool(
        used_percent=used,
        calls=draw(counts),
        calls_before=draw(counts),
        calls_since=draw(st.none() | moments),
        unreported=draw(counts),
        reserved=reserved,
        reserved_until=draw(moments) if reserved else None,
        blocked_until=draw(st.none() | moments),
        reported_at=draw(moments) if used is not None else draw(st.none() | moments),
    )


def _told(
    pool: Pool, calls: int, percent: float, at: datetime = BEGIN, lasting_s: float = 1.0
) -> Pool:
    """After so many calls, made at once, of which Meta told this."""
    ended = at + timedelta(seconds=lasting_s)
    pool = reserve(pool, at, calls, at + timedelta(seconds=15))
    return settle(pool, RULES, ended, at, calls, Outcome(calls, calls, percent))


@given(st.integers(20, 5000), st.integers(1, 8), st.integers(), st.integers(0, 90))
@settings(max_examples=60)
def test_uses_its_share_and_never_all(size: int, replicas: int, seed: int, foreign: int) -> None:
    """Of any limit, with any number of replicas, whatever others use of it."""
    limit = Limit(size, foreign * size // 100)
    run = Run(limit, replicas, seed).go()
    assert limit.refused == 0
    assert run.peak_percent <= 100
    assert limit.used_percent(BEGIN) >= RULES.target_percent


@given(st.integers(1, 19), st.integers(1, 8), st.integers())
def test_a_limit_of_a_few_calls_is_not_overrun(size: int, replicas: int, seed: int) -> None:
    """One call alone finds out that there is hardly any."""
    limit = Limit(size)
    Run(limit, replicas, seed).go()
    assert limit.refused == 0
    assert limit.used_percent(BEGIN) >= RULES.target_percent


@given(st.integers(100, 2000), st.integers(1, 4), st.integers(), st.integers(2, 9), st.booleans())
@settings(max_examples=40)
def test_calls_without_an_answer_count(
    size: int, replicas: int, seed: int, every: int, dies: bool
) -> None:
    """Whether a replica died or only its call did."""
    limit = Limit(size)
    run = Run(
        limit,
        replicas,
        seed,
        lose_every=None if dies else every,
        die_every=every if dies else None,
        lasts=timedelta(hours=1),
    ).go()
    assert limit.refused == 0
    assert run.peak_percent <= 100
    assert limit.used_percent(BEGIN) >= RULES.target_percent


@pytest.mark.parametrize("replicas", [1, 4])
@pytest.mark.parametrize("size", [20, 50, 100, 300, 1000, 5000])
def test_day_after_day(size: int, replicas: int) -> None:
    """Calls leave the window: what they leave is used again, and none is refused."""
    limit = Limit(size)
    run = Run(limit, replicas, seed=7, lasts=timedelta(hours=96)).go()
    assert limit.refused == 0
    assert run.peak_percent <= 100
    assert run.done >= 3 * 0.75 * size


@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_ample_budget_is_used_in_full_batches(replicas: int) -> None:
    """After the first call, which goes alone."""
    run = Run(Limit(1_000_000), replicas, seed=1, demand=1001).go()
    assert run.done == 1001
    if replicas == 1:
        assert run.grants == [1] + 20 * [50]
    assert max(run.grants) == 50


@given(st.integers(1, 12), st.integers())
def test_no_more_in_flight_than_answered_while_nothing_is_told(replicas: int, seed: int) -> None:
    """Meta begins to tell only after enough calls, and nothing for some tokens."""
    run = Run(Limit(10**9), replicas, seed, lasts=timedelta(seconds=20), tells=False).go()
    assert run.grants[0] == 1
    assert run.peak_in_flight <= max(UNKNOWN_ALLOWANCE, run.done)
    assert run.done > 100


@given(pools(), moments, st.integers(-5, 100), st.booleans())
def test_within_what_is_wanted(pool: Pool, now: datetime, wanted: int, in_part: bool) -> None:
    """Never less than none, never more than wanted; and when none, a later look is told."""
    calls = allowance(pool, RULES, now, wanted, in_part=in_part)
    assert 0 <= calls <= max(wanted, 0)
    if calls == 0 and wanted > 0:
        assert look_again_at(pool, RULES, now) > now


@given(pools(), moments, st.integers(1, 50))
def test_nothing_while_blocked(pool: Pool, now: datetime, wanted: int) -> None:
    """Calls would only prolong it."""
    blocked = replace(pool, blocked_until=now + timedelta(seconds=1))
    assert allowance(blocked, RULES, now, wanted) == 0
    assert allowance(blocked, RULES, now, wanted, in_part=True) == 0
    assert look_again_at(blocked, RULES, now) == now + timedelta(seconds=1)


@given(pools(), moments, st.integers(2, 50))
def test_one_call_after_a_block(pool: Pool, now: datetime, wanted: int) -> None:
    """It finds out whether the block is over."""
    ended = replace(
        pool, blocked_until=now, reported_at=now - timedelta(minutes=1), reserved=0,
        reserved_until=None,
    )  # fmt: skip
    assert allowance(ended, RULES, now, wanted) == 1
    one = reserve(ended, now, 1, now + timedelta(seconds=15))
    assert allowance(one, RULES, now, wanted) == 0


def test_a_block_is_never_shortened() -> None:
    """Two answers that tell of it may overtake each other."""
    pool = reserve(Pool(), BEGIN, 2, BEGIN + timedelta(seconds=15))
    for minutes in (60, 15):
        outcome = Outcome(1, 0, 100.0, timedelta(minutes=minutes))
        pool = settle(pool, RULES, BEGIN, BEGIN, 1, outcome)
    assert pool.blocked_until == BEGIN + timedelta(minutes=60)


@given(pools(), moments, st.integers(0, 50), st.integers(1, 50))
def test_a_reservation_is_given_back(pool: Pool, now: datetime, others: int, calls: int) -> None:
    """With calls that never left nothing else has changed."""
    pool = replace(pool, reserved=0, reserved_until=None, calls_since=now)
    until = now + timedelta(seconds=15)
    before = reserve(pool, now, others, until)
    after = settle(reserve(before, now, calls, until), RULES, now, now, calls, Outcome(0, 0))
    assert after.reserved == others
    assert (after.used_percent, after.unreported) == (pool.used_percent, pool.unreported)
    assert after.reported_at == pool.reported_at


def test_what_a_dead_replica_reserved_counts_as_called() -> None:
    """From the moment on when its calls must have ended."""
    pool = _told(_told(Pool(), 50, 5.0), 50, 10.0)
    held = reserve(pool, BEGIN, 40, BEGIN + timedelta(seconds=15))
    later = BEGIN + timedelta(seconds=16)
    assert allowance(held, RULES, BEGIN, 50, in_part=True) == allowance(
        replace(held, reserved=0, reserved_until=None, unreported=held.unreported + 40),
        RULES, BEGIN, 50,
    )  # fmt: skip
    assert reserve(held, later, 1, later).reserved == 1
    assert reserve(held, later, 1, later).unreported == held.unreported + 40


@given(st.integers(0, 94), st.integers(0, 94))
def test_an_answer_that_was_overtaken_lowers_nothing(told: int, late: int) -> None:
    """Its calls were counted before those of the other."""
    pool = reserve(Pool(), BEGIN, 20, BEGIN + timedelta(seconds=15))
    started = BEGIN + timedelta(seconds=1)
    for second, percent in ((2, told), (3, late)):
        now = BEGIN + timedelta(seconds=second)
        pool = settle(pool, RULES, now, started, 10, Outcome(10, 10, float(percent)))
    assert pool.used_percent == max(told, late)
    assert pool.calls == 20


@given(st.integers(0, 94), st.integers(0, 94))
def test_an_answer_that_began_later_is_believed(told: int, later: int) -> None:
    """Calls leave the window, and the limit grows."""
    pool = _told(Pool(), 10, float(told))
    pool = _told(pool, 10, float(later), BEGIN + timedelta(seconds=2))
    assert pool.used_percent == later
    assert pool.unreported == 0


def test_only_whole_batches_while_others_are_in_flight() -> None:
    """Unless somebody is in a hurry."""
    pool = _told(_told(Pool(), 1, 0.0), 1, 0.0, BEGIN + timedelta(seconds=2))
    now = BEGIN + timedelta(seconds=4)
    assert allowance(pool, RULES, now, 1000) == 2 * 95
    pool = reserve(pool, now, 150, now + timedelta(seconds=15))
    assert allowance(pool, RULES, now, 50) == 0
    assert allowance(pool, RULES, now, 50, in_part=True) == 40
    assert allowance(pool, RULES, now, 40) == 40


def test_calls_of_yesterday_make_none_cheaper() -> None:
    """They left the window: the cost of a call must not be taken from them."""
    pool = _told(Pool(), 50, 40.0)
    next_day = BEGIN + timedelta(hours=25)
    pool = _told(pool, 1, 40.0, next_day)
    assert pool.cost_percent == 41.0


def test_a_spent_pool_is_asked_again_when_some_of_it_has_left() -> None:
    """With one call, and not at all while that one could fill it."""
    pool = _told(Pool(), 960, 96.0)
    told_at = BEGIN + timedelta(seconds=1)
    probe_at = look_again_at(pool, RULES, told_at)
    assert timedelta(minutes=20) < probe_at - told_at < timedelta(hours=2)
    assert allowance(pool, RULES, probe_at - timedelta(seconds=1), 50) == 0
    assert allowance(pool, RULES, probe_at, 50) == 1
    small = _told(Pool(), 19, 95.0)
    assert look_again_at(small, RULES, told_at) == told_at + RULES.window


def test_calls_of_unknown_end_take_room() -> None:
    """Until an answer tells of them: here a call costs two percent at most."""
    pool = _told(Pool(), 20, 39.0)
    now = BEGIN + timedelta(seconds=2)
    assert allowance(pool, RULES, now, 50) == 28
    pool = reserve(pool, now, 20, now + timedelta(seconds=15))
    pool = settle(pool, RULES, now, now, 20, Outcome(20, 0))
    assert allowance(pool, RULES, now, 50) == 8
    pool = reserve(pool, now, 8, now + timedelta(seconds=15))
    pool = settle(pool, RULES, now, now, 8, Outcome(8, 0))
    assert allowance(pool, RULES, now, 50) == 1


def test_a_spent_pool_remembers_what_a_call_costs() -> None:
    """However long ago its calls were: else no probe would seem small enough."""
    pool = _told(Pool(), 960, 96.0)
    for hours in (13, 26):
        pool = _told(pool, 1, 96.0, BEGIN + timedelta(hours=hours))
    assert pool.cost_percent < 0.2
    pool = _told(pool, 1, 1.0, BEGIN + timedelta(hours=27))
    assert pool.cost_percent == 2.0


def test_what_an_overtaken_answer_does_not_contain_stays_on_top() -> None:
    """Calls that ended after its own began."""
    pool = reserve(Pool(), BEGIN, 20, BEGIN + timedelta(seconds=15))
    now = BEGIN + timedelta(seconds=1)
    pool = settle(pool, RULES, now, BEGIN, 10, Outcome(10, 0))
    pool = settle(pool, RULES, now, BEGIN, 10, Outcome(10, 10, 10.0))
    assert pool.unreported == 10
    assert _told(pool, 1, 20.0, now).unreported == 0


def test_calls_that_may_not_have_been_counted_make_none_cheaper() -> None:
    """Such as refused ones."""
    pool = reserve(Pool(), BEGIN, 10, BEGIN + timedelta(seconds=15))
    pool = settle(pool, RULES, BEGIN, BEGIN, 10, Outcome(10, 4, 7.0))
    assert pool.cost_percent == 2.0
