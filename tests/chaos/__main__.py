"""`python -m tests.chaos`, which `make prove` runs: makes faults, and reports what was kept."""

import asyncio
import json
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from hookline.cli.progress import download_progress, say
from runtime.errors import DependencyError
from runtime.lifecycle import EXIT_NO, EXIT_UNREACHABLE
from tests.chaos.disks import enter
from tests.chaos.line import Servers
from tests.chaos.page import page
from tests.chaos.report import Run, document
from tests.chaos.run import Order, Stage, run
from tests.chaos.versions import machine, versions
from tests.chaos.words import figure, wrong

SERVERS: Final[tuple[Servers, ...]] = ("embedded", "cluster")
SEEDS: Final = 10_000
INTERRUPTED: Final = 130


def main(
    *,
    minutes: Annotated[float, typer.Option(min=0.1, help="For everything, roughly.")] = 10.0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of faults and traffic; another each time by default.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, help="New deliveries a second.")] = 40.0,
    only: Annotated[str, typer.Option(help="`embedded` or `cluster`; else both.")] = "",
    report: Annotated[Path, typer.Option(help="Folder for the report.")] = Path(),
    data: Annotated[
        Path | None, typer.Option(help="Folder for data and logs, kept; else a temporary one.")
    ] = None,
) -> None:
    """Kill, pause, cut and fill while deliveries come; then compare what is stored.

    Writes prove-report.html and prove-report.json. Exit code 0: everything that was acknowledged
    is stored, once; 1: it is not; 3: the servers cannot be started.
    """
    if only and only not in SERVERS:
        raise typer.BadParameter("only `embedded` or `cluster`", param_hint="--only")
    _forget_settings()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # clients complain while brokers die
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    folder = data or Path(tempfile.mkdtemp(prefix="hookline-prove-"))
    with download_progress() as progress:
        servers = [one for one in SERVERS if only in ("", one)]
        order = Order(minutes, chosen, rate, folder.resolve(), servers, say, progress)
        say(f"Seed {chosen}, about {minutes:g} minutes. Data and logs are in {folder}.")
        try:
            told = _run(order)
        except asyncio.CancelledError as error:
            say("Interrupted. Everything was stopped; there is no report.")
            _forget(data, folder)
            raise typer.Exit(INTERRUPTED) from error
    _write(report, told)
    _conclude(told, report)
    if not told["holds"]:
        say(f"Data and logs are kept in {folder}.")
        raise typer.Exit(EXIT_NO)
    _forget(data, folder)


def _forget(asked_for: Path | None, folder: Path) -> None:
    """Removes a temporary folder."""
    if asked_for is None:
        shutil.rmtree(folder, ignore_errors=True)


def _run(order: Order) -> dict[str, Any]:
    begun, begun_s = datetime.now(UTC), time.monotonic()
    try:
        stages = asyncio.run(_until_signal(order))
    except DependencyError as error:
        say(str(error))
        raise typer.Exit(EXIT_UNREACHABLE) from error
    about = Run(
        order.seed,
        order.minutes,
        order.rate_per_s,
        begun.isoformat(timespec="seconds"),
        time.monotonic() - begun_s,
        versions(),
        machine(),
    )
    return document(about, stages)


async def _until_signal(order: Order) -> list[Stage]:
    """Runs; a signal stops it in order."""
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await run(order)


def _forget_settings() -> None:
    """The services' settings are ours alone: the same run everywhere."""
    for name in [name for name in os.environ if name.startswith("HOOKLINE_")]:
        if name not in ("HOOKLINE_POSTGRES_BIN", "HOOKLINE_PROVE_MOUNTS"):
            del os.environ[name]


def _write(folder: Path, told: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prove-report.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    (folder / "prove-report.html").write_text(page(told), "utf-8")


def _conclude(told: dict[str, Any], folder: Path) -> None:
    say("")
    say("The promise was kept." if told["holds"] else "The promise was NOT kept.")
    say(
        ", ".join(
            f"{name.replace('_', ' ')} {figure(told[name])}"
            for name in ("acknowledged", "stored", "lost", "doubled", "dead_letters_unexpected")
        )
    )
    for sentence in wrong(told):
        say(f"- {sentence}")
    say(f"The report is {folder / 'prove-report.html'}. Again: make prove SEED={told['seed']}")


if __name__ == "__main__":
    enter(["-m", "tests.chaos", *sys.argv[1:]])
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
