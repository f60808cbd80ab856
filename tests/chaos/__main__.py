"""`python -m tests.chaos`, which `make prove` runs: makes faults, and reports what was kept."""

import asyncio
import json
import logging
import os
import secrets
import shutil
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
from tests.chaos.replies.run import Order as RepliesOrder
from tests.chaos.replies.run import Proof
from tests.chaos.replies.run import run as prove_replies
from tests.chaos.report import Run, document
from tests.chaos.run import Order, Stage, run, until_signal
from tests.chaos.versions import machine, versions
from tests.chaos.words import figure, wrong

SERVERS: Final[tuple[Servers, ...]] = ("embedded", "cluster")
REPLIES: Final = "replies"
SEEDS: Final = 10_000
INTERRUPTED: Final = 130


def main(
    *,
    minutes: Annotated[float, typer.Option(min=0.1, help="For everything, roughly.")] = 10.0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of faults and traffic; another each time by default.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, help="New deliveries a second.")] = 40.0,
    mentions: Annotated[
        int, typer.Option(min=0, help="For the proof of replies, which takes 5 minutes more.")
    ] = 2_000,
    only: Annotated[
        str, typer.Option(help="`embedded`, `cluster` or `replies`; else all of them.")
    ] = "",
    report: Annotated[Path, typer.Option(help="Folder for the report.")] = Path(),
    data: Annotated[
        Path | None, typer.Option(help="Folder for data and logs, kept; else a temporary one.")
    ] = None,
) -> None:
    """Kill, pause, cut and fill while deliveries come; then compare what is stored.

    Writes prove-report.html and prove-report.json. Exit code 0: everything that was acknowledged
    is stored, once, and nothing was answered twice; 1: not so; 3: the servers cannot be started.
    """
    if only and only not in (*SERVERS, REPLIES):
        raise typer.BadParameter("`embedded`, `cluster` or `replies`", param_hint="--only")
    forget_settings()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # clients complain while brokers die
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    folder = data or Path(tempfile.mkdtemp(prefix="hookline-prove-"))
    with download_progress() as progress:
        servers = [one for one in SERVERS if only in ("", one)]
        order = Order(minutes, chosen, rate, folder.resolve(), servers, say, progress)
        count = mentions if only in ("", REPLIES) else 0
        replies = RepliesOrder(count, chosen, folder.resolve() / REPLIES, say, progress)
        say(f"Seed {chosen}, about {minutes:g} minutes. Data and logs are in {folder}.")
        try:
            told = _run(order, replies)
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


def _run(order: Order, replies: RepliesOrder) -> dict[str, Any]:
    begun, begun_s = datetime.now(UTC), time.monotonic()
    try:
        stages, proof = asyncio.run(until_signal(_all(order, replies)))
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
    return document(about, stages, proof)


async def _all(order: Order, replies: RepliesOrder) -> tuple[list[Stage], Proof | None]:
    """One after the other."""
    stages = await run(order)
    if not replies.mentions:
        return stages, None
    order.say("\nThen: answers, while every write to the Graph API goes wrong.")
    return stages, await prove_replies(replies)


def forget_settings() -> None:
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
    if (replies := told["replies"]) is not None:
        counts = ("events", "answered", "doubled", "skipped")
        say("Answers: " + ", ".join(f"{name} {figure(replies[name])}" for name in counts))
    for sentence in wrong(told):
        say(f"- {sentence}")
    say(f"The report is {folder / 'prove-report.html'}. Again: make prove SEED={told['seed']}")


if __name__ == "__main__":
    enter(["-m", "tests.chaos", *sys.argv[1:]])
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
