"""The share of deliveries that were not accepted, over the latest minutes. Pure: time comes in.

Meta alerts after 15 minutes of failing answers, and after an hour takes the app off every account.

Source: https://developers.facebook.com/docs/messenger-platform/webhooks
"""

from collections import deque
from typing import Final, Literal, NamedTuple

WINDOW_S: Final = 900.0
SLICE_S: Final = 10.0

ALARM_RATIO: Final = 0.1
CALM_RATIO: Final = 0.05
"""An alarm ends at half of what begins it, so that it does not flicker."""

MIN_ANSWERS: Final = 5
"""Fewer say nothing about the next one."""

STRANGERS: Final = frozenset({"signature_missing", "signature_repeated", "signature_malformed"})
"""Refusals of what Meta never sends: anybody can have them, and they fail nobody."""


class Counts(NamedTuple):
    """Answers to deliveries within the window: accepted ones, and failures."""

    accepted: float
    failed: float

    @property
    def ratio(self) -> float:
        """The share that failed, 0 to 1; 0 where nothing was answered."""
        return self.failed / (self.accepted + self.failed) if self.failed else 0.0


class Failures:
    """Answers to deliveries within the window, in slices of some seconds."""

    def __init__(self) -> None:
        self._slices: deque[tuple[float, list[int]]] = deque()
        self._accepted = self._failed = 0

    def accepted(self, now_s: float) -> None:
        """A delivery was accepted."""
        self._slice(now_s)[0] += 1
        self._accepted += 1

    def refused(self, now_s: float, reason: str) -> None:
        """A request was refused."""
        if reason not in STRANGERS:
            self._slice(now_s)[1] += 1
            self._failed += 1

    def counts(self, now_s: float) -> Counts:
        """How many there are."""
        while self._slices and self._slices[0][0] <= now_s - WINDOW_S:
            _, (accepted, failed) = self._slices.popleft()
            self._accepted -= accepted
            self._failed -= failed
        return Counts(self._accepted, self._failed)

    def _slice(self, now_s: float) -> list[int]:
        """Accepted and failed ones of the slice that a moment is in."""
        start_s = now_s // SLICE_S * SLICE_S
        if not self._slices or self._slices[-1][0] < start_s:
            self._slices.append((start_s, [0, 0]))
        return self._slices[-1][1]


class Alarm:
    """Whether deliveries fail, all processes that share the port together."""

    def __init__(self) -> None:
        self.is_failing = False

    def change(self, counts: Counts) -> Literal["begun", "ended"] | None:
        """Whether failing has begun or ended since this was asked last."""
        was_failing, answers = self.is_failing, counts.accepted + counts.failed
        if not was_failing and answers >= MIN_ANSWERS and counts.ratio >= ALARM_RATIO:
            self.is_failing = True
        elif was_failing and counts.ratio <= CALM_RATIO:
            self.is_failing = False
        if self.is_failing == was_failing:
            return None
        return "begun" if self.is_failing else "ended"
