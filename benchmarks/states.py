"""Received → row, whatever becomes of reads: enrich off and on, the Graph API slow and away."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.bench import Bench
from benchmarks.graph_line import AMPLE, GraphLine, open_graph_line
from benchmarks.line import LATENCY, RATE, Line
from benchmarks.machine import cpu_s
from benchmarks.measures import Book
from hookline.cli.progress import say
from hookline.embedded.ports import HOST
from simulator.graph.faults import Fault
from simulator.graph.options import GraphOptions

OFF: Final = "off"
REFUSED: Final = "connections refused"

SLOW_S: Final = 5.0
WARM_UP_S: Final = 2.0

ACCOUNTS: Final = 3

_ROW: Final = "row: "


async def measure(bench: Bench, book: Book, *, rounds: int, round_s: float, delay_ms: int) -> None:
    """Every state once a round, each round beginning with another one."""
    options = GraphOptions(
        app_id=bench.app.app_id,
        app_secret=bench.app.secret.decode(),
        accounts=ACCOUNTS,
        users=ACCOUNTS,  # what nobody told of belongs to the one account that a token reaches
        require_proof=True,
        account_limit=AMPLE,
        app_limit=AMPLE,
    )
    faults = _faults(delay_ms)
    async with open_graph_line(bench, options) as line:
        deliveries = Line(line.state, seed=7000)
        names, persist = list(faults), line.state.pids["persist"]
        for number in range(rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                say(f"Round {number + 1} of {rounds}: received → row, enrichment: {name} …")
                await line.forget()
                line.graph.faults.wanted = faults[name]
                async with _enrichment(line, name):
                    await deliveries.latency(Book(), WARM_UP_S)
                    turn, used_s = Book(), cpu_s(persist)
                    await deliveries.latency(turn, round_s)
                    used_s = cpu_s(persist) - used_s
                group = f"{LATENCY}, enrichment: {name}"
                _copy(turn, book, group)
                per_1000_ms = used_s / (RATE * round_s) * 1e6
                book.note(group, "persist's processor for 1000 deliveries", "ms", per_1000_ms)


def _faults(delay_ms: int) -> Mapping[str, tuple[Fault, ...]]:
    """The states, and what the Graph API does in each."""
    return {
        OFF: (),
        "on": (Fault(kind="slow", delay_ms=delay_ms),),
        f"answers after {SLOW_S:g} s": (Fault(kind="slow", delay_ms=int(SLOW_S * 1000)),),
        "answers 503": (Fault(kind="status", status=503),),
        REFUSED: (),
    }


@asynccontextmanager
async def _enrichment(line: GraphLine, name: str) -> AsyncIterator[None]:
    """Enrich as a state has it."""
    if name == OFF:
        yield
    elif name == REFUSED:
        with socket.socket() as closed:  # bound, and nobody listens
            closed.bind((HOST, 0))
            async with line.enrich(f"http://{HOST}:{closed.getsockname()[1]}"):
                yield
    else:
        async with line.enrich():
            yield


def _copy(turn: Book, book: Book, group: str) -> None:
    """What a turn tells of rows."""
    for one in turn.measures():
        if one.name.startswith(_ROW):
            name = one.name.removeprefix(_ROW)
            book.note(group, name, one.unit, one.median, one.goal)
