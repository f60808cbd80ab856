"""A limit of Meta's that counts, refuses and tells whole percents; and replicas that call it.

Time is made up: replicas wait for random times between reserving, being counted and being answered,
so that answers overtake each other.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Final, NamedTuple

from graph.budget.pool import (
    WINDOWS,
    Outcome,
    Pool,
    Rules,
    allowance,
    look_again_at,
    reserve,
    settle,
)

BEGIN: Final = datetime(2026, 11, 23, 7, tzinfo=UTC)
RULES: Final = Rules(WINDOWS["account"], 95.0)


class Limit:
    """`size` calls within the window. Calls of others are there from the beginning, and stay."""

    def __init__(self, size: int, foreign: int = 0) -> None:
        self.size = size
        self.refused = 0
        self._foreign = foreign
        self._calls: deque[tuple[datetime, int]] = deque()
        self._own = 0

    def used_percent(self, now: datetime) -> float:
        """Exactly."""
        while self._calls and now - self._calls[0][0] >= RULES.window:
            self._own -= self._calls.popleft()[1]
        return 100 * (self._own + self._foreign) / self.size

    def call(self, now: datetime, calls: int) -> tuple[int, float]:
        """How many of the calls were let through, and what is told."""
        self.used_percent(now)
        passed = min(calls, max(self.size - self._own - self._foreign, 0))
        self.refused += calls - passed
        if passed:
            self._calls.append((now, passed))
            self._own += passed
        return passed, float(int(self.used_percent(now)))


class Reservation(NamedTuple):
    """Calls that a replica may make, or has made."""

    at: datetime
    calls: int
    passed: int = 0
    told: float = 0.0


@dataclass
class Run:
    """Replicas that make as many of `demand` calls as they may, until `lasts` is over.

    Attributes:
        lose_every: every so many reservations end without an answer, though Meta counted them.
        die_every: every so many are never settled.
        peak_percent: the most that was used, or was about to be.
        grants: how many calls each reservation had.
    """

    limit: Limit
    replicas: int
    seed: int
    demand: int = 10**9
    lasts: timedelta = timedelta(minutes=10)
    lose_every: int | None = None
    die_every: int | None = None
    tells: bool = True
    pool: Pool = field(default_factory=Pool)
    peak_percent: float = 0.0
    peak_in_flight: int = 0
    grants: list[int] = field(default_factory=list)
    done: int = 0

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._order = count()
        self._queue: list[tuple[datetime, int, str, Reservation | None]] = []
        self._in_flight = 0
        self._settled = 0

    def go(self) -> "Run":
        """Until the time is over."""
        for replica in range(self.replicas):
            self._later(BEGIN + timedelta(milliseconds=replica), "ask", None)
        while self._queue:
            now, _, what, reservation = heapq.heappop(self._queue)
            if now > BEGIN + self.lasts:
                break
            if reservation is None:
                self._ask(now)
            elif what == "call":
                self._call(now, reservation)
            else:
                self._settle(now, reservation)
        return self

    def _later(self, at: datetime, what: str, reservation: Reservation | None) -> None:
        heapq.heappush(self._queue, (at, next(self._order), what, reservation))

    def _pause(self) -> timedelta:
        return timedelta(seconds=self._random.random())

    def _ask(self, now: datetime) -> None:
        wanted = min(50, self.demand)
        calls = allowance(self.pool, RULES, now, wanted)
        if not calls:
            if wanted:
                self._later(look_again_at(self.pool, RULES, now), "ask", None)
            return
        self.pool = reserve(self.pool, now, calls, now + timedelta(seconds=15))
        self.demand -= calls
        self.grants.append(calls)
        self._in_flight += calls
        self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
        self._look(now)
        self._later(now + self._pause(), "call", Reservation(now, calls))

    def _call(self, now: datetime, reservation: Reservation) -> None:
        passed, told = self.limit.call(now, reservation.calls)
        self._in_flight -= reservation.calls
        self.done += passed
        self._look(now)
        answered = reservation._replace(passed=passed, told=told)
        self._later(now + self._pause(), "settle", answered)

    def _settle(self, now: datetime, reservation: Reservation) -> None:
        self._settled += 1
        self._later(now + self._pause() / 10, "ask", None)
        if self.die_every and self._settled % self.die_every == 0:
            return
        outcome = Outcome(
            reservation.calls, reservation.passed, reservation.told if self.tells else None
        )
        if self.lose_every and self._settled % self.lose_every == 0:
            outcome = Outcome(reservation.calls, 0)
        self.pool = settle(self.pool, RULES, now, reservation.at, reservation.calls, outcome)

    def _look(self, now: datetime) -> None:
        in_flight = 100 * self._in_flight / self.limit.size
        self.peak_percent = max(self.peak_percent, self.limit.used_percent(now) + in_flight)
