"""One of Meta's pools of calls, and how many more of them fit into it. Pure.

Meta tells a pool's use after the fact, in whole percent, rounded down, and never its size. So
bounds are used that hold whatever the size is:

- What is used is less than `used_percent + 1`.
- A call costs at most `(used_percent + 1) / calls`, with the own calls that what was told surely
  contains. Calls of others make that greater than it is, and us more careful.
- Calls in flight (`reserved`), and calls that ended without a word about the use (`unreported`),
  come on top, at that cost.

With `used_percent + (reserved + unreported) * cost <= target`, less than `target + 1` is used when
all have ended. Where that lets nothing through, though less than the target is used, one call
goes alone: what it is told gives a better bound.

An answer tells of its own calls, and of all that had ended before they began. Answers overtake
each other, so one whose calls began before another call ended can only raise what is known. And a
call leaves its window some time, so the own calls are those of at most one window.

Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

PoolName: TypeAlias = Literal["app", "account"]
"""All calls of an app, or those of an app for one account (Business Use Case)."""

WINDOWS: Final[dict[PoolName, timedelta]] = {
    "app": timedelta(hours=1),
    "account": timedelta(hours=24),
}
"""For so long a call counts."""

FULL_PERCENT: Final = 100.0

UNKNOWN_ALLOWANCE: Final = 50
"""Calls in flight while no use was told: Meta begins to tell it after enough calls."""

SOON: Final = timedelta(milliseconds=200)
"""When to look again, where only calls of our own are in the way."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What is known about a pool. All times are of one clock, the database's.

    Attributes:
        used_percent: the greatest of the metrics that Meta told; None when it never did.
        calls: own calls since `calls_since` that `used_percent` contains.
        calls_before: the same, of the half window before `calls_since`.
        calls_since: when the present half window began.
        unreported: own calls that ended, and that `used_percent` may not contain.
        reserved: own calls that are in flight, or about to be.
        reserved_until: whoever reserved them is dead by then.
        blocked_until: Meta refuses all calls until then.
        reported_at: when a call ended last; None before the first one.
    """

    used_percent: float | None = None
    calls: int = 0
    calls_before: int = 0
    calls_since: datetime | None = None
    unreported: int = 0
    reserved: int = 0
    reserved_until: datetime | None = None
    blocked_until: datetime | None = None
    reported_at: datetime | None = None

    @property
    def cost_percent(self) -> float:
        """The most that one call can cost."""
        return ((self.used_percent or 0.0) + 1.0) / max(self.calls + self.calls_before, 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the calls of a reservation ended, for one pool.

    Attributes:
        ended: calls that Meta may have counted; not those that never left.
        counted: those of them that it certainly counted.
        used_percent: what their answers told; None when they told nothing.
        blocked_for: Meta refuses calls for so long from now on.
    """

    ended: int
    counted: int
    used_percent: float | None = None
    blocked_for: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a pool is used by.

    Attributes:
        window: for so long a call counts.
        target_percent: calls stop when so much is used; below 100.
    """

    window: timedelta
    target_percent: float


def allowance(
    pool: Pool, rules: Rules, now: datetime, wanted: int, *, in_part: bool = False
) -> int:
    """How many of `wanted` calls may be made now.

    Without `in_part`, fewer than wanted are allowed only while nothing is in flight: what is will
    soon tell more, and then a whole batch may fit.
    """
    pool = _without_dead_ones(pool, now)
    if wanted <= 0 or _is_blocked(pool, now):
        return 0
    if _needs_probe(pool, rules):
        return int(pool.reserved == 0 and now >= _probe_at(pool, rules))
    room = _room(pool, rules)
    if pool.reserved == 0:
        return min(wanted, max(room, 1))
    return wanted if room >= wanted else max(room, 0) * in_part


def look_again_at(pool: Pool, rules: Rules, now: datetime) -> datetime:
    """When the pool may allow what it does not allow now."""
    pool = _without_dead_ones(pool, now)
    if pool.blocked_until is not None and _is_blocked(pool, now):
        return pool.blocked_until
    if _needs_probe(pool, rules):
        return max(now + SOON, _probe_at(pool, rules))
    return now + SOON


def reserve(pool: Pool, now: datetime, count: int, until: datetime) -> Pool:
    """The pool with `count` more calls in flight, all of which end before `until`."""
    pool = _without_dead_ones(pool, now)
    until = max(until, pool.reserved_until or until)
    return replace(pool, reserved=pool.reserved + count, reserved_until=until)


def settle(
    pool: Pool,
    rules: Rules,
    now: datetime,
    reserved_at: datetime,
    count: int,
    outcome: Outcome,
) -> Pool:
    """The pool after the `count` calls reserved at `reserved_at` have ended."""
    pool = _without_dead_ones(pool, now)
    overtaken = pool.reported_at is not None and reserved_at < pool.reported_at
    used_percent, unreported, counted = pool.used_percent, pool.unreported + outcome.ended, 0
    if outcome.used_percent is not None:
        # The greater of two is that of the later answer, which contains the calls of both.
        used_percent = max(outcome.used_percent, (used_percent or 0.0) * overtaken)
        unreported = pool.unreported * overtaken
        counted = outcome.counted
    if used_percent is None or used_percent < rules.target_percent:
        # While it is spent the old counts stay: only a probe's cost is taken from them.
        pool = _within_window(pool, rules.window, now)
    reserved = max(pool.reserved - count, 0)
    blocked_until = pool.blocked_until
    if outcome.blocked_for is not None:
        blocked_until = max(now + outcome.blocked_for, blocked_until or now)
    return replace(
        pool,
        used_percent=used_percent,
        calls=pool.calls + counted,
        unreported=unreported,
        reserved=reserved,
        reserved_until=pool.reserved_until if reserved else None,
        blocked_until=blocked_until,
        reported_at=now if outcome.ended else pool.reported_at,
    )


def _without_dead_ones(pool: Pool, now: datetime) -> Pool:
    """Calls whose replica did not live to tell their end may have been made."""
    ended_at = pool.reserved_until
    if ended_at is None or now < ended_at:
        return pool
    return replace(
        pool,
        unreported=pool.unreported + pool.reserved,
        reserved=0,
        reserved_until=None,
        reported_at=max(ended_at, pool.reported_at or ended_at),
    )


def _within_window(pool: Pool, window: timedelta, now: datetime) -> Pool:
    """Counts of this half window and of the one before it, which no call has left yet."""
    half = window / 2
    since = now - timedelta(seconds=now.timestamp() % half.total_seconds())
    if pool.calls_since is None or since >= pool.calls_since + window:
        return replace(pool, calls=0, calls_before=0, calls_since=since)
    if since >= pool.calls_since + half:
        return replace(pool, calls=0, calls_before=pool.calls, calls_since=since)
    return pool


def _is_blocked(pool: Pool, now: datetime) -> bool:
    return pool.blocked_until is not None and now < pool.blocked_until


def _needs_probe(pool: Pool, rules: Rules) -> bool:
    """Whether no more than a single call can find out how things are."""
    return _was_just_blocked(pool) or (
        pool.used_percent is not None and pool.used_percent >= rules.target_percent
    )


def _was_just_blocked(pool: Pool) -> bool:
    """Whether no call has ended since the block did."""
    if pool.blocked_until is None or pool.reported_at is None:
        return pool.blocked_until is not None
    return pool.reported_at <= pool.blocked_until


def _probe_at(pool: Pool, rules: Rules) -> datetime:
    """When that call may be made.

    After a block, at once. Else when what is above the target has left the window, if the calls
    in it are spread evenly; when all have left it, if the call itself could fill the pool.
    """
    if pool.blocked_until is not None and _was_just_blocked(pool):
        return pool.blocked_until
    used, told_at = pool.used_percent, pool.reported_at
    assert used is not None and told_at is not None  # noqa: S101, PT018  # the pool is spent
    if used + 1.0 + pool.cost_percent > FULL_PERCENT:
        return told_at + rules.window
    return told_at + rules.window * ((used + 1.0 - rules.target_percent) / used)


def _room(pool: Pool, rules: Rules) -> int:
    """How many more calls certainly fit below the target; may be negative."""
    if pool.used_percent is None:
        # The very first call goes alone: a quiet account has hardly any budget. Then no more are
        # in flight than have ended.
        most = max(UNKNOWN_ALLOWANCE, pool.unreported) if pool.reported_at is not None else 1
        return most - pool.reserved
    fitting = (rules.target_percent - pool.used_percent) / pool.cost_percent
    return math.floor(fitting) - pool.reserved - pool.unreported
