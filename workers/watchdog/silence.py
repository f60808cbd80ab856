"""Whether a silence is longer than it should be: what was expected in it, against what came. Pure.

What is expected follows from the hour of the week: as many deliveries as usually came in it. If
they came independently of each other, none would come where E are expected with probability e^-E.
They do not, they come in crowds: so a silence is long only beyond all those of the weeks before.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

HOUR_S: Final = 3600
WEEK_HOURS: Final = 168

HISTORY_HOURS: Final = 5 * WEEK_HOURS
"""So far back it is looked for what is usual."""

MIN_HOURS: Final = 3 * WEEK_HOURS
MIN_DELIVERIES: Final = 20
"""From less than this nobody knows what is usual."""

MIN_EXPECTED: Final = 10.0
"""e^-10 is once in 22,000 silences."""

CROWD: Final = 3.0
"""An hour counts as no more than so many mean ones: a crowd comes once, and is no habit."""

MARGIN: Final = 2.0
"""So much more must have been expected than in the longest silence of the weeks before, which is
known to the hour only."""


class Silence(NamedTuple):
    """The time since the latest delivery, in deliveries that were expected in it, and how many of
    them it takes to be alarmed."""

    expected: float
    limit: float

    @property
    def is_long(self) -> bool:
        """Whether it is not to be explained by chance or habit."""
        return self.expected > self.limit


def hour_of(moment: datetime) -> int:
    """The hour since 1970 that a moment is in."""
    return int(moment.timestamp() // HOUR_S)


def silence(counts: Mapping[int, int], last_at: datetime | None, now: datetime) -> Silence | None:
    """The silence at a moment; None while too little is known.

    Args:
        counts: deliveries by hour (`hour_of`), of the weeks until now.
        last_at: when the latest one of them was received.
        now: the moment.
    """
    hours = sorted(hour for hour, count in counts.items() if count > 0)
    if last_at is None or not hours or sum(counts.values()) < MIN_DELIVERIES:
        return None
    first, end = hours[0], hours[-1] + 1
    if end - first < MIN_HOURS:
        return None
    crowd = CROWD * sum(counts.values()) / (end - first)
    rates = weekly_rates({hour: min(counts[hour], crowd) for hour in hours}, first, end)
    # What was expected from the start until the middle of each hour.
    until = list(accumulate(rates[hour % WEEK_HOURS] for hour in range(first, end)))
    until = [until[hour - first] - rates[hour % WEEK_HOURS] / 2 for hour in range(first, end)]
    longest = max((until[b - first] - until[a - first] for a, b in pairwise(hours)), default=0)
    limit = max(MIN_EXPECTED, MARGIN * longest)
    return Silence(expected(rates, last_at, now), limit)


def weekly_rates(counts: Mapping[int, float], first: int, end: int) -> list[float]:
    """Deliveries an hour for each hour of the week, over the hours from `first` until `end`."""
    sums, seen = [0.0] * WEEK_HOURS, [0] * WEEK_HOURS
    for hour in range(first, end):
        sums[hour % WEEK_HOURS] += counts.get(hour, 0)
        seen[hour % WEEK_HOURS] += 1
    return [total / hours if hours else 0.0 for total, hours in zip(sums, seen, strict=True)]


def expected(rates: list[float], start: datetime, end: datetime) -> float:
    """How many deliveries are expected between two moments."""
    start_h, end_h = start.timestamp() / HOUR_S, end.timestamp() / HOUR_S
    return sum(
        rates[hour % WEEK_HOURS] * max(0.0, min(hour + 1, end_h) - max(hour, start_h))
        for hour in range(int(start_h), int(end_h) + 1)
    )
