"""Meta's side of the limits: calls counted over a rolling window. Pure: time comes in.

Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
"""

import math
from collections import deque
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls a pool takes.

    Attributes:
        calls: within the window; the next one is refused.
        window_s: for so long a call counts.
        penalty_s: a refused call keeps the pool shut for so long at least.
        told_after: calls before the headers tell anything.
        minute_s: how long a minute lasts that the headers tell: less than 60 where time is
            compressed.
    """

    calls: int
    window_s: float
    penalty_s: float = 0.0
    told_after: int = 0
    minute_s: float = 60.0


class Pool:
    """The calls of one app, or those of an app for one account."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.calls = 0
        self.throttled = 0
        self.throttled_after_told = 0
        self.peak = 0
        """Most calls that were in the window at once, refused ones included."""
        self._was_told = False
        self._shut_until_s = -math.inf
        self._window: deque[float] = deque()

    def call(self, now_s: float) -> bool:
        """Counts a call, and tells whether it is let through. A refused one counts as well."""
        refused = self.regain_s(now_s) > 0
        self.calls += 1
        self._window.append(now_s)
        self.peak = max(self.peak, len(self._window))
        if refused:
            self.throttled += 1
            self.throttled_after_told += self._was_told
            self._shut_until_s = now_s + self.limit.penalty_s
        return not refused

    def in_window(self, now_s: float) -> int:
        """How many calls count now."""
        while self._window and self._window[0] <= now_s - self.limit.window_s:
            self._window.popleft()
        return len(self._window)

    def regain_s(self, now_s: float) -> float:
        """Seconds until a call is let through; 0 when one is now."""
        surplus = self.in_window(now_s) - self.limit.calls
        if surplus < 0:
            return max(self._shut_until_s - now_s, 0.0)
        last_to_leave = next(islice(self._window, surplus, None), now_s)
        return max(self._shut_until_s, last_to_leave + self.limit.window_s) - now_s

    def told(self, now_s: float) -> dict[str, int] | None:
        """The three metrics in whole percent, rounded down; None while there were few calls."""
        if self.calls < self.limit.told_after:
            return None
        self._was_told = True
        used = self.in_window(now_s)
        percent = 100 * used // max(self.limit.calls, 1) if self.limit.calls else 100
        # Times grow with calls and are not what reaches the limit first.
        return {
            "call_count": percent,
            "total_cputime": percent * 3 // 5,
            "total_time": percent * 4 // 5,
        }

    def told_regain_minutes(self, now_s: float) -> int:
        """`estimated_time_to_regain_access`: whole minutes, rounded up."""
        return math.ceil(self.regain_s(now_s) / self.limit.minute_s)

    def summary(self, now_s: float) -> dict[str, int]:
        """Exact counts."""
        return {
            "calls": self.calls,
            "limit": self.limit.calls,
            "in_window": self.in_window(now_s),
            "peak": self.peak,
            "throttled": self.throttled,
            "throttled_after_told": self.throttled_after_told,
        }
