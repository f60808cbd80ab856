"""Live traffic first: no more than a rate, and nothing while a live worker is behind."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from hookline.replay.live import Lag

LOOK_INTERVAL_S: Final = 1.0


class Limits(NamedTuple):
    """How much a replay may take: records a second, and how far behind a live worker may be."""

    rate: int
    max_lag: int


class Pace:
    """When the next records may come, at so many a second. Pure: it is told the time.

    What was not used is lost: after a pause there is no rush.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._free_at_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """How long until the next ones may come."""
        return max(0.0, self._free_at_s - now_s)

    def took(self, records: int, now_s: float) -> None:
        """So many come now."""
        self._free_at_s = max(self._free_at_s, now_s) + records / self._rate


class Looks(Protocol):
    """Who knows how far the live workers are behind."""

    async def worst(self) -> Lag:
        """The one that is furthest behind."""
        ...


class Throttle:
    """Holds a replay back. `tell` hears whom it waits for, and None when it goes on."""

    def __init__(self, limits: Limits, live: Looks, tell: Callable[[Lag | None], None]) -> None:
        self._pace = Pace(limits.rate)
        self._max_lag = limits.max_lag
        self._live = live
        self._tell = tell
        self._looked_at_s = 0.0

    async def pass_on(self, records: int) -> None:
        """Returns when so many may be handled. Waits for live workers without an end."""
        await asyncio.sleep(self._pace.wait_s(time.monotonic()))
        if time.monotonic() - self._looked_at_s >= LOOK_INTERVAL_S:
            await self._give_way()
            self._looked_at_s = time.monotonic()
        self._pace.took(records, time.monotonic())

    async def _give_way(self) -> None:
        waited = False
        while (lag := await self._live.worst()).records > self._max_lag:
            waited = True
            self._tell(lag)
            await asyncio.sleep(LOOK_INTERVAL_S)
        if waited:
            self._tell(None)
