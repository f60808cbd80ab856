"""`python -m benchmarks.enrich`: how long reads wait, what they cost, whom they delay.

A private line with ingest, archive, dedupe and persist, beside a simulated Graph API that takes its
time and counts calls. First live comments come while a backlog waits that its budget cannot hold.
Then comments come at a steady rate: in turn without enrich, with it, and with a Graph API that is
slow, fails, or is not there. Nothing is asserted.
"""

import asyncio
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from uvloop import new_event_loop

from benchmarks import backlog, states
from benchmarks.bench import forget_settings, open_bench
from benchmarks.load import LoadError
from benchmarks.machine import describe, libraries
from benchmarks.measures import Book
from benchmarks.report import TABLE_WIDTH, Report
from hookline.cli.progress import say
from runtime.errors import DependencyError
from runtime.lifecycle import EXIT_NO, EXIT_UNREACHABLE


def main(
    *,
    waiting: Annotated[
        int,
        typer.Option(min=0, help="Comments that wait, from 5000; calls for half of them. 0: none."),
    ] = 50_000,
    live_rate: Annotated[float, typer.Option(min=0.1, help="Live comments a second.")] = 5.0,
    live_s: Annotated[float, typer.Option(min=1, help="Seconds of live comments.")] = 60.0,
    delay_ms: Annotated[int, typer.Option(min=0, help="Until a request is answered.")] = 300,
    rounds: Annotated[int, typer.Option(min=0, max=50, help="Of received → row.")] = 3,
    round_s: Annotated[float, typer.Option(min=1, help="Seconds of each turn of a round.")] = 15.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Measure enrichment on this machine. The exit code says nothing about the goals."""
    forget_settings()
    # Clients of a Kafka that is just starting complain; whether it starts is told elsewhere.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    size = backlog.Size(waiting, live_rate, live_s, delay_ms)
    with tempfile.TemporaryDirectory(prefix="hookline-enrich-") as folder:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                report: Report = runner.run(_measure(Path(folder), size, rounds, round_s))
        except DependencyError as error:
            say(str(error))
            raise typer.Exit(EXIT_UNREACHABLE) from error
        except LoadError as error:
            say(f"Not measured: {error}.")
            raise typer.Exit(EXIT_NO) from error
    if as_json:
        print(json.dumps(report.document(), indent=2))
    else:
        console = Console()
        report.show(console if console.is_terminal else Console(width=TABLE_WIDTH))


async def _measure(folder: Path, size: backlog.Size, rounds: int, round_s: float) -> Report:
    book, machine, versions = Book(), describe(), libraries()
    async with open_bench(folder, say) as bench:
        versions |= await bench.versions()
        await bench.track_commits()
    async with open_bench(folder, say) as bench:
        if size.waiting:
            await backlog.measure(bench, book, size)
        if rounds:
            await states.measure(
                bench, book, rounds=rounds, round_s=round_s, delay_ms=size.delay_ms
            )
    machine["load after"] = f"{os.getloadavg()[1]:.1f}"
    return Report(book.measures(), versions, machine, rounds)


if __name__ == "__main__":
    typer.run(main)
