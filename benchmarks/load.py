"""Load over HTTP/1.1: requests that are bytes already, kept connections, 127.0.0.1 only.

Lean, so that what is measured is the server: a request costs one write, one read and a look at
the status line.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

from hookline.embedded.ports import HOST

ANSWER_TIMEOUT_S: Final = 30.0

_LENGTH: Final = b"\r\ncontent-length:"
_END: Final = b"\r\n\r\n"


class LoadError(Exception):
    """The server hung up, or did not answer in time."""


@dataclass(slots=True)
class Load:
    """What a run of load saw. Times are seconds."""

    elapsed_s: float = 0.0
    generator_cpu_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies_s) / self.elapsed_s


class Answers:
    """Cuts a stream of bytes into answers."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> int | None:
        """The status once the answer is complete, else None. One answer is due at a time.

        Raises:
            ValueError: this is no HTTP answer with a length.
        """
        data = self._pending + data if self._pending else data
        end = data.find(_END)
        if end < 0 or len(data) < end + len(_END) + _content_length(data[:end]):
            self._pending = data
            return None
        self._pending = b""
        return int(data[9:12])


def _content_length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(_LENGTH)
    if start < 0 or not lower.startswith(b"http/1."):
        raise ValueError("no HTTP answer with a length")
    return int(lower[start + len(_LENGTH) :].partition(b"\r\n")[0])


class _Connection(asyncio.Protocol):
    """One kept connection. Tells `answered` of each answer, `lost` when it ends before one."""

    def __init__(
        self,
        answered: Callable[["_Connection", int, float], None],
        lost: Callable[[Exception], None],
    ) -> None:
        self._answered = answered
        self._lost = lost
        self._answers = Answers()
        self._sent_s: float | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from neither

    def send(self, request: bytes) -> None:
        assert self._transport is not None
        self._sent_s = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            status = self._answers.feed(data)
        except ValueError as error:
            self._lost(error)
            return
        if status is not None and self._sent_s is not None:
            took_s, self._sent_s = time.perf_counter() - self._sent_s, None
            self._answered(self, status, took_s)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sent_s is not None:
            self._lost(exc or LoadError("the server hung up"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def closed_loop(
    port: int, requests: Iterator[bytes], *, connections: int, duration_s: float
) -> Load:
    """Each connection sends the next request when it has its answer, for `duration_s`.

    Raises:
        LoadError: the server hung up or answered no more.
    """
    load = Load()
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    running = connections
    end_s = 0.0

    def answered(connection: _Connection, status: int, took_s: float) -> None:
        nonlocal running
        load.latencies_s.append(took_s)
        load.statuses[status] += 1
        if time.perf_counter() < end_s:
            connection.send(next(requests))
            return
        running -= 1
        if not running and not done.done():
            done.set_result(None)

    opened = await _connect(port, connections, answered, done)
    cpu_s, started_s = time.process_time(), time.perf_counter()
    end_s = started_s + duration_s
    for connection in opened:
        connection.send(next(requests))
    await _finish(done, opened, duration_s)
    load.elapsed_s = time.perf_counter() - started_s
    load.generator_cpu_s = time.process_time() - cpu_s
    return load


async def paced(
    port: int, requests: Iterator[bytes], *, rate: float, count: int, connections: int = 16
) -> Load:
    """`count` requests, one every `1 / rate` seconds, however long the answers take.

    A request waits while all connections are busy; it is then sent late, never left out.

    Raises:
        LoadError: the server hung up or answered no more.
    """
    load = Load()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    idle: deque[_Connection] = deque()
    freed = asyncio.Event()

    def answered(connection: _Connection, status: int, took_s: float) -> None:
        load.latencies_s.append(took_s)
        load.statuses[status] += 1
        idle.append(connection)
        freed.set()
        if len(load.latencies_s) == count and not done.done():
            done.set_result(None)

    opened = await _connect(port, connections, answered, done)
    idle.extend(opened)
    started_s = time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, started_s + number / rate - time.perf_counter()))
        while not idle and not done.done():
            freed.clear()
            await asyncio.wait_for(freed.wait(), ANSWER_TIMEOUT_S)
        if done.done():
            break
        idle.popleft().send(next(requests))
    await _finish(done, opened, 0.0)
    load.elapsed_s = time.perf_counter() - started_s
    return load


async def _connect(
    port: int,
    connections: int,
    answered: Callable[[_Connection, int, float], None],
    done: asyncio.Future[None],
) -> list[_Connection]:
    def lost(error: Exception) -> None:
        if not done.done():
            done.set_exception(error)

    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: _Connection(answered, lost), HOST, port))[1]
        for _ in range(connections)
    ]


async def _finish(done: asyncio.Future[None], opened: list[_Connection], duration_s: float) -> None:
    try:
        async with asyncio.timeout(duration_s + ANSWER_TIMEOUT_S):
            await done
    except (OSError, TimeoutError, ValueError) as error:
        raise LoadError(f"{type(error).__name__}: {error}") from error
    finally:
        for connection in opened:
            connection.close()
