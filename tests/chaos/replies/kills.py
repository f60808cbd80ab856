"""Kills replicas of reply: those that run at random, and one more at each point of its work."""

import asyncio
import os
import signal
from contextlib import suppress
from random import Random
from typing import Final

import aiohttp

from hookline.embedded.child import Announce, Child
from schemas.crash_points import CrashPoint
from tests.chaos.line import Line

REPLICAS: Final = ("reply", "reply-2", "reply-3")

POINTS: Final = (
    CrashPoint.REPLY_BEGUN,
    CrashPoint.REPLY_ANSWERED,
    CrashPoint.REPLY_SETTLED,
    CrashPoint.EFFECT_DONE,
    CrashPoint.RESULTS_ACKED,
    CrashPoint.REVOKED,
)

KILL_PAUSE_S: Final = 8.0
PROBE_PAUSE_S: Final = 0.2
PROBE_TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)
DEATHS: Final = 2
"""At each point: the replica is started again, and dies there again."""

DEATHS_TIMEOUT_S: Final = 90.0
PASSING_S: Final = 4.0
"""Long enough to start, and to be given partitions."""

POLL_S: Final = 0.02
ARMED_FIRST: Final = 60
"""Numbers of replicas that are to die begin here."""


class Kills:
    """The kills of one run.

    Attributes:
        at_random: how many replicas were killed wherever they were.
        at_points: how many died at each point.
    """

    def __init__(self, line: Line, seed: int, say: Announce) -> None:
        self._line = line
        self._random = Random(seed)
        self._say = say
        self.at_random = 0
        self.at_points: dict[str, int] = {}

    async def now_and_then(self) -> None:
        """Kills one of the replicas every few seconds, until it is cancelled. The next one dies
        when that one is at work again: else on a slow machine nobody ever would be.
        """
        async with aiohttp.ClientSession(timeout=PROBE_TIMEOUT, trust_env=False) as session:
            while True:
                await asyncio.sleep(KILL_PAUSE_S * (0.5 + self._random.random()))
                name = self._random.choice(REPLICAS)
                pid = self._line.pid(name)
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
                    self.at_random += 1
                    await self._at_work(session, name, pid)

    async def _at_work(self, session: aiohttp.ClientSession, name: str, killed: int) -> None:
        url = self._line.state.metrics_urls[name].replace("/metrics", "/readyz")
        while True:
            await asyncio.sleep(PROBE_PAUSE_S)
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with session.get(url) as answer:
                    if answer.status == 200 and self._line.pid(name) not in (None, killed):
                        return

    async def at(self, point: CrashPoint) -> None:
        """One more replica dies at a point, is started again, and dies there again."""
        number = ARMED_FIRST + 2 * POINTS.index(point)
        armed = self._line.replica("reply", number, CRASH_POINT=point.value)
        self.at_points[point.value] = 0
        await armed.start()
        try:
            async with asyncio.timeout(DEATHS_TIMEOUT_S):
                for _ in range(DEATHS):
                    await self._death(armed, point, number + 1)
                    self.at_points[point.value] += 1
        except TimeoutError:
            self._say(f"nobody came to {point.value}")
        finally:
            await armed.stop()

    async def _death(self, armed: Child, point: CrashPoint, other: int) -> None:
        while (pid := armed.pid) is None:
            await asyncio.sleep(POLL_S)
        while armed.pid == pid:
            if point is CrashPoint.REVOKED:
                await self._passing(other)
            await asyncio.sleep(POLL_S)

    async def _passing(self, number: int) -> None:
        """A replica comes and goes, so that partitions change hands."""
        passing = self._line.replica("reply", number)
        await passing.start()
        await asyncio.sleep(PASSING_S)
        await passing.stop()
