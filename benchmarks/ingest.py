"""Ingest beside a bare handler: one core for the two of them, which take turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from benchmarks.bench import Bench, Service
from benchmarks.load import Load, LoadError, closed_loop
from benchmarks.machine import apart, cpu_s
from benchmarks.measures import Book, Goal, percentile
from benchmarks.requests import bodies, built

WARM_UP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of traffic."""

    name: str
    changes: int
    distinct: int
    connections: int


SINGLE: Final = Kind("ingest, one comment a delivery, 64 connections", 1, 4000, 64)
BUSY: Final = Kind("ingest, one comment a delivery, 512 connections", 1, 4000, 512)
BATCHES: Final = Kind("ingest, 1000 comments a delivery", 1000, 24, 8)

RATIO: Final = Goal("at least", 0.7)
BATCH_RATE: Final = Goal("at least", 20_000)


Servers = dict[str, Service]


class IngestBench:
    """One kind of traffic, ready to be sent to both servers in turns."""

    def __init__(self, bench: Bench, kind: Kind, seed: int) -> None:
        self._kind = kind
        made = bodies(kind.distinct, changes=kind.changes, seed=seed)
        self._requests = cycle(built(made, bench.app))

    async def round(self, servers: Servers, book: Book, duration_s: float) -> None:
        """Both servers once: a pair whose ratio is of the same moment, nearly."""
        kind, rates, costs = self._kind, {}, {}
        for name, server in servers.items():
            await self._load(server, WARM_UP_S)
            before_s = cpu_s(server.pid)
            load = await self._load(server, duration_s)
            used_s = cpu_s(server.pid) - before_s
            count = len(load.latencies_s)
            rates[name], costs[name] = load.rate, used_s / count
            if kind.changes == 1:
                book.note(kind.name, f"{name}: requests", "/s", load.rate)
                book.note(kind.name, f"{name}: p50", "ms", percentile(load.latencies_s, 50) * 1e3)
                book.note(kind.name, f"{name}: p99", "ms", percentile(load.latencies_s, 99) * 1e3)
            else:
                goal = BATCH_RATE if name == "ingest" else None
                book.note(kind.name, f"{name}: changes", "/s", load.rate * kind.changes, goal)
            cost = costs[name] * 1000
            book.note(kind.name, f"{name}: processor for 1000 deliveries", "s", cost)
            book.note(kind.name, f"{name}: share of its core", "", used_s / load.elapsed_s)
            busy = load.generator_cpu_s / load.elapsed_s
            book.note(kind.name, f"{name}: generator's share of the other", "", busy)
        goal = RATIO if kind.changes == 1 else None
        book.note(kind.name, "ingest / bare, requests", "", rates["ingest"] / rates["bare"], goal)
        by_cost = costs["bare"] / costs["ingest"]
        book.note(kind.name, "bare / ingest, processor", "", by_cost)

    async def _load(self, server: Service, duration_s: float) -> Load:
        load = await closed_loop(
            server.port,
            self._requests,
            connections=self._kind.connections,
            duration_s=duration_s,
        )
        if set(load.statuses) != {200}:
            raise LoadError(f"answers other than 200: {dict(load.statuses)}")
        return load


async def measure(
    bench: Bench, kinds: Sequence[IngestBench], book: Book, duration_s: float
) -> None:
    """One round of each kind, with servers of its own."""
    async with bench.bare() as bare, bench.ingest() as ingest:
        servers = {"bare": bare, "ingest": ingest}
        with apart((bare.pid, ingest.pid), bench.stack.pids.values()):
            for kind in kinds:
                await kind.round(servers, book, duration_s)
