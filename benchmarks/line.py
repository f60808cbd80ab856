"""The whole line: from receipt to row at a steady rate, and the memory that it takes."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks.bench import INSERTED
from benchmarks.groups import READS as WORKERS
from benchmarks.groups import open_groups
from benchmarks.load import LoadError, closed_loop, paced
from benchmarks.machine import memory_mib, peak_mib
from benchmarks.measures import Book, Goal, percentile
from benchmarks.requests import App, bodies, built, request_bytes
from hookline.embedded.state import State
from schemas.tables import SCHEMA
from simulator.traffic import big

RATE: Final = 100
SETTLE_TIMEOUT_S: Final = 180.0
SETTLE_PAUSE_S: Final = 0.2
FLUSHES: Final = 100

P50: Final = Goal("at most", 50)
P99: Final = Goal("at most", 500)
WORKER_MEMORY: Final = Goal("at most", 150)
KAFKA_MEMORY: Final = Goal("at most", 512)

LATENCY: Final = f"received → row at {RATE} deliveries/s"

_AGES: Final = """\
SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - {received}) * 1000
FROM {table} WHERE {received} >= $1
"""


class Line:
    """A running pipeline to measure."""

    def __init__(self, state: State, seed: int) -> None:
        self._state = state
        self._port = int(state.ingest_url.rpartition(":")[2])
        self._app = App(state.app_id, state.app_secret.encode())
        self._seed = seed

    async def warm_up(self) -> None:
        """Every process has done its work once."""
        await self._send(bodies(200, changes=1, seed=self._next_seed()))

    async def latency(self, book: Book, seconds: float) -> None:
        """One round at a steady rate; times are those of PostgreSQL's commits."""
        count = int(RATE * seconds)
        requests = self._requests(count)
        started = datetime.now(UTC)
        load = await paced(self._port, requests, rate=RATE, count=count)
        _require_accepted(load.statuses)
        connection = await asyncpg.connect(self._state.database_url)
        try:
            await _until(connection, "comments", "first_received_at", started, count)
            await _until(connection, "deliveries", "received_at", started, count)
            for what, table, received, goals in (
                ("row", INSERTED, "first_received_at", (P50, P99)),
                ("claim", f"{SCHEMA}.sightings", "received_at", (None, None)),
                ("archive", f"{SCHEMA}.deliveries", "received_at", (None, None)),
            ):
                ages = await _ages(connection, table, received, started)
                for percent, goal in zip((50, 99), goals, strict=True):
                    value = percentile(ages, percent)
                    book.note(LATENCY, f"{what}: p{percent}", "ms", value, goal)
            book.note(
                LATENCY,
                "row: slowest",
                "ms",
                max(await _ages(connection, INSERTED, "first_received_at", started)),
            )
            flush = await _flush_ms(connection)
            book.note(LATENCY, "commit to visible: p50 (not in the above)", "ms", flush)
        finally:
            await connection.close()
        answer_ms = percentile(load.latencies_s, 50) * 1e3
        book.note(LATENCY, "answer to the sender: p50", "ms", answer_ms)

    async def memory(self, book: Book, seconds: float) -> None:
        """Memory after load of single comments and of batches, then after one body of 26 MB."""
        pids = self._state.pids
        self._note_memory(book, "memory, idle after start", goals=False)
        requests = cycle(built(bodies(2000, changes=1, seed=self._next_seed()), self._app))
        load = await closed_loop(self._port, requests, connections=32, duration_s=seconds)
        _require_accepted(load.statuses)
        await self._send(bodies(20, changes=1000, seed=self._next_seed()))
        await self._settled()
        self._note_memory(book, "memory, after load", goals=True)
        self._note_peaks(book, "memory, peak under load")
        for name in (*WORKERS, "ingest", "kafka"):
            _forget_peak(pids[name])
        body = big(self._next_seed()).body
        request = request_bytes(body, self._app)
        load = await paced(self._port, iter([request]), rate=1, count=1, connections=1)
        _require_accepted(load.statuses)
        await self._settled()
        self._note_peaks(book, f"memory, peak with a body of {len(body) / 1e6:.0f} MB")
        self._note_memory(book, "memory, after that body", goals=False)

    def _note_memory(self, book: Book, group: str, *, goals: bool) -> None:
        for name in (*WORKERS, "ingest", "kafka"):
            goal = KAFKA_MEMORY if name == "kafka" else WORKER_MEMORY
            wanted = goal if goals and name != "ingest" else None
            book.note(group, name, "MiB", memory_mib(self._state.pids[name]), wanted)

    def _note_peaks(self, book: Book, group: str) -> None:
        for name in (*WORKERS, "ingest", "kafka"):
            peak = peak_mib(self._state.pids[name])
            if peak is not None:
                book.note(group, name, "MiB", peak)

    async def _send(self, made: list[bytes]) -> None:
        requests = iter(built(made, self._app))
        load = await paced(self._port, requests, rate=RATE, count=len(made))
        _require_accepted(load.statuses)
        await self._settled()

    async def _settled(self) -> None:
        """Returns when every worker has committed all that it was given."""
        async with (
            asyncio.timeout(SETTLE_TIMEOUT_S),
            open_groups(self._state.kafka_bootstrap) as groups,
        ):
            for worker in WORKERS:  # dedupe before those that it feeds
                while await groups.lag(worker):  # noqa: ASYNC110
                    await asyncio.sleep(SETTLE_PAUSE_S)  # other processes commit

    def _requests(self, count: int) -> Iterator[bytes]:
        return iter(built(bodies(count, changes=1, seed=self._next_seed()), self._app))

    def _next_seed(self) -> int:
        self._seed += 1
        return self._seed


def _require_accepted(statuses: dict[int, int]) -> None:
    if set(statuses) != {200}:
        raise LoadError(f"answers other than 200: {dict(statuses)}")


async def _until(
    connection: "asyncpg.Connection[asyncpg.Record]",
    table: str,
    received: str,
    started: datetime,
    count: int,
) -> None:
    """Returns when so many rows are there."""
    query = f"SELECT count(*) FROM {SCHEMA}.{table} WHERE {received} >= $1"
    async with asyncio.timeout(SETTLE_TIMEOUT_S):
        while await connection.fetchval(query, started) < count:  # noqa: ASYNC110
            await asyncio.sleep(SETTLE_PAUSE_S)  # rows come from other processes


async def _ages(
    connection: "asyncpg.Connection[asyncpg.Record]", table: str, received: str, started: datetime
) -> list[float]:
    query = _AGES.format(table=table, received=received)
    return [float(row[0]) for row in await connection.fetch(query, started)]


async def _flush_ms(connection: "asyncpg.Connection[asyncpg.Record]") -> float:
    """What a commit takes here: its time is taken just before it is made durable and seen."""
    await connection.execute("CREATE TABLE IF NOT EXISTS public.bench_flush (n int)")
    took_ms = []
    for number in range(FLUSHES):
        started_s = time.perf_counter()
        await connection.execute("INSERT INTO public.bench_flush VALUES ($1)", number)
        took_ms.append((time.perf_counter() - started_s) * 1e3)
    return percentile(took_ms, 50)


def _forget_peak(pid: int) -> None:
    """Lets Linux' peak of a process begin anew.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    """
    path = Path(f"/proc/{pid}/clear_refs")
    if path.exists():
        path.write_text("5")
