"""Makes a fault, holds it, ends it, and waits until its target is there again."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import asyncpg

from tests.chaos.catalogue import BACKEND, BODIES, GRAPH, KAFKA, LEADER, POSTGRES, SPOOL
from tests.chaos.line import Line, family
from tests.chaos.meta import Meta
from tests.chaos.schedule import Fault, Kind
from tests.faults.proxy import Proxy

POLL_S: Final = 0.05
BACK_TIMEOUT_S: Final = 60.0
"""For a killed process to be there again; it is restarted by what supervises it."""

SLOW_DELAY_S: Final = 0.15
SLOW_BYTES_PER_S: Final = 2_000_000.0

CHURN_INTERVAL_S: Final = 1.0
CHURN_AT_ONCE: Final = 3
CHURN_FIRST: Final = 50
"""Numbers of replicas that come and go begin here."""


class NotBackError(Exception):
    """What was hit did not come back by itself."""


class Injector:
    """Makes faults on one line."""

    def __init__(self, line: Line, meta: Meta) -> None:
        self._line = line
        self._meta = meta

    async def cause(self, fault: Fault) -> str:
        """Makes a fault, and returns when it is over and its target there again.

        Returns:
            The target's exact name: which of the brokers it was, for example.

        Raises:
            NotBackError: the target did not come back.
        """
        target = await self._resolve(fault)
        if fault.kind is Kind.KILL:
            await self._kill(target)
        elif fault.kind is Kind.PAUSE:
            with _stopped(await self._paused_pids(target)):
                await asyncio.sleep(fault.duration_s)
        elif fault.kind is Kind.CHURN:
            await self._churn(target, fault.duration_s)
        elif fault.kind is Kind.DISK_FULL:
            await self._fill(target, fault.duration_s)
        elif fault.kind is Kind.ERRORS:
            with self._line.graph.failing():
                await asyncio.sleep(fault.duration_s)
        elif fault.kind is Kind.POISON:
            await (self._meta.poison_bodies() if target == BODIES else self._meta.poison_record())
        else:
            async with _misbehaving(self._proxies(target), fault.kind):
                await asyncio.sleep(fault.duration_s)
        return target

    async def _resolve(self, fault: Fault) -> str:
        return await self._line.leader() if fault.target == LEADER else fault.target

    def _proxies(self, target: str) -> Iterable[Proxy]:
        if target == POSTGRES:
            return [self._line.postgres]
        if target == GRAPH:
            return [self._line.graph.way]
        return self._line.kafka if target == KAFKA else [self._line.proxy(target)]

    async def _kill(self, target: str) -> None:
        if target == BACKEND:
            os.kill(await self._backend(), signal.SIGKILL)
            # The server ends all its other processes, and recovers.
            await asyncio.sleep(POLL_S)
        else:
            pid = await self._pid(target)
            os.kill(pid, signal.SIGKILL)
            await _until(lambda: _is(self._line.pid(target) not in (None, pid)), target)
        if target in (BACKEND, POSTGRES):
            await _until(self._line.postgres_answers, target)
        elif target.startswith(KAFKA):
            await _until(lambda: self._line.broker_answers(target), target)

    async def _paused_pids(self, target: str) -> list[int]:
        return [await self._backend()] if target == BACKEND else family(await self._pid(target))

    async def _pid(self, target: str) -> int:
        await _until(lambda: _is(self._line.pid(target) is not None), target)
        pid = self._line.pid(target)
        if pid is None:
            raise NotBackError(target)
        return pid

    async def _backend(self) -> int:
        """The server process that serves a worker, and was last at work."""
        connection = await asyncpg.connect(self._line.database_url)
        try:
            pid: int | None = await connection.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'hookline.%' "
                "ORDER BY state = 'idle', state_change DESC LIMIT 1"
            )
        finally:
            await connection.close()
        if pid is None:
            raise NotBackError("no worker is connected to PostgreSQL")
        return pid

    async def _churn(self, worker: str, duration_s: float) -> None:
        """Adds a replica each second, and takes the oldest away, asked to or killed in turn."""
        replicas = []
        number = CHURN_FIRST
        try:
            while number - CHURN_FIRST < duration_s / CHURN_INTERVAL_S:
                replica = self._line.replica(worker, number)
                await replica.start()
                replicas.append(replica)
                number += 1
                await asyncio.sleep(CHURN_INTERVAL_S)
                if len(replicas) > CHURN_AT_ONCE:
                    oldest = replicas.pop(0)
                    if number % 2 and oldest.pid is not None:
                        os.kill(oldest.pid, signal.SIGKILL)
                    await oldest.stop()
        finally:
            await asyncio.gather(*(replica.stop() for replica in replicas))

    async def _fill(self, target: str, duration_s: float) -> None:
        """A spool is written only while Kafka takes nothing, so that goes away meanwhile."""
        disk = self._line.disks[target]
        unreachable = self._line.kafka if target == SPOOL else ()
        async with _misbehaving(unreachable, Kind.REFUSE):
            await asyncio.to_thread(disk.fill)
            try:
                await asyncio.sleep(duration_s)
            finally:
                await asyncio.to_thread(disk.empty)
        if target.startswith(POSTGRES):
            await _until(self._line.postgres_answers, target)


@contextmanager
def _stopped(pids: list[int]) -> Iterator[None]:
    """These processes stand still: connections stay open, and nothing is answered."""
    try:
        _signal(pids, signal.SIGSTOP)
        yield
    finally:
        _signal(reversed(pids), signal.SIGCONT)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, number)


@asynccontextmanager
async def _misbehaving(proxies: Iterable[Proxy], kind: Kind) -> AsyncIterator[None]:
    proxies = list(proxies)
    for proxy in proxies:
        await _misbehave(proxy, kind)
    try:
        yield
    finally:
        for proxy in proxies:
            await proxy.heal()


async def _misbehave(proxy: Proxy, kind: Kind) -> None:
    if kind is Kind.CUT:
        proxy.cut()
    elif kind is Kind.STRAND:
        proxy.strand()
    elif kind is Kind.STALL:
        proxy.stall()
    elif kind is Kind.SLOW:
        proxy.slow(delay_s=SLOW_DELAY_S, bytes_per_s=SLOW_BYTES_PER_S)
    else:
        await proxy.refuse()


async def _is(answer: bool) -> bool:
    return answer


async def _until(check: Callable[[], Awaitable[bool]], target: str) -> None:
    try:
        async with asyncio.timeout(BACK_TIMEOUT_S):
            while not await check():
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise NotBackError(f"{target} did not come back in {BACK_TIMEOUT_S:.0f} s") from error
