"""A run from start to end: which parts, in which order, how long."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from benchmarks import ingest, workers
from benchmarks.bench import Bench, open_bench
from benchmarks.groups import READS
from benchmarks.line import Line
from benchmarks.machine import describe, libraries
from benchmarks.measures import Book
from benchmarks.report import Report
from hookline.embedded.pipeline import Plan, open_pipeline
from hookline.embedded.stack import Announce


class Part(StrEnum):
    """What can be measured alone."""

    INGEST = "ingest"
    BATCHES = "batches"
    WORKERS = "workers"
    LATENCY = "latency"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done in each round."""

    load_s: float
    changes: int
    latency_s: float


FULL: Final = Size(load_s=4.0, changes=40_000, latency_s=15.0)
QUICK: Final = Size(load_s=1.5, changes=15_000, latency_s=5.0)


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    folder: Path
    parts: frozenset[Part]
    rounds: int
    size: Size
    announce: Announce


async def run(order: Order) -> Report:
    """Measures, and gives what was found.

    Raises:
        DependencyError: something cannot be started.
    """
    book, machine, versions = Book(), describe(), libraries()
    async with open_bench(order.folder, order.announce) as bench:
        versions |= await bench.versions()
        await _alone(order, bench, book)
        for worker in READS:
            await bench.groups.skip_backlog(worker)
        await bench.track_commits()
    if order.parts & {Part.LATENCY, Part.MEMORY}:
        await _together(order, book)
    return Report(book.measures(), versions, machine, order.rounds)


async def _alone(order: Order, bench: Bench, book: Book) -> None:
    """Ingest and single workers, with nothing else running; kinds take turns in every round."""
    turns: list[tuple[str, Callable[[int], Awaitable[None]]]] = []
    kinds = [
        ingest.IngestBench(bench, kind, seed=number)
        for number, (part, kind) in enumerate(
            (
                (Part.INGEST, ingest.SINGLE),
                (Part.INGEST, ingest.BUSY),
                (Part.BATCHES, ingest.BATCHES),
            )
        )
        if part in order.parts
    ]

    async def ingest_turn(_: int) -> None:
        await ingest.measure(bench, kinds, book, order.size.load_s)

    async def workers_turn(number: int) -> None:
        for per_delivery in (1, 100):
            await workers.measure(
                bench,
                book,
                changes=order.size.changes,
                per_delivery=per_delivery,
                seed=1000 + 2 * number + (per_delivery > 1),
            )

    if kinds:
        turns.append(("ingest beside a bare handler", ingest_turn))
    if Part.WORKERS in order.parts:
        turns.append(("dedupe and persist, each alone", workers_turn))
    for number in range(order.rounds):
        for name, turn in turns:
            order.announce(f"Round {number + 1} of {order.rounds}: {name} …")
            await turn(number)


async def _together(order: Order, book: Book) -> None:
    """The whole line."""
    plan = Plan(order.folder, announce=order.announce)
    async with AsyncExitStack() as stack:
        pipeline = await stack.enter_async_context(open_pipeline(plan))
        line = Line(pipeline.state, seed=5000)
        await line.warm_up()
        if Part.LATENCY in order.parts:
            for number in range(order.rounds):
                order.announce(f"Round {number + 1} of {order.rounds}: received → row …")
                await line.latency(book, order.size.latency_s)
        if Part.MEMORY in order.parts:
            order.announce("Memory …")
            await line.memory(book, order.size.load_s)
