"""`python -m benchmarks`: measures this machine, and tells which goals are met."""

import asyncio
import json
import logging
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from uvloop import new_event_loop

from benchmarks.bench import forget_settings
from benchmarks.load import LoadError
from benchmarks.report import TABLE_WIDTH, Report
from benchmarks.run import FULL, QUICK, Order, Part, run
from hookline.cli.progress import say
from runtime.errors import DependencyError
from runtime.lifecycle import EXIT_NO, EXIT_UNREACHABLE


def main(
    *,
    rounds: Annotated[int, typer.Option(min=1, max=50, help="Repetitions of each part.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Short rounds, two of them.")] = False,
    only: Annotated[list[Part] | None, typer.Option(help="This part; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Measure Hookline on this machine. The exit code says nothing about the goals."""
    forget_settings()
    # Clients of a Kafka that is just starting complain; whether it starts is told elsewhere.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    parts = frozenset(only or Part)
    with tempfile.TemporaryDirectory(prefix="hookline-bench-") as folder:
        order = Order(
            Path(folder), parts, min(rounds, 2) if quick else rounds, QUICK if quick else FULL, say
        )
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                report: Report = runner.run(run(order))
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


if __name__ == "__main__":
    typer.run(main)
