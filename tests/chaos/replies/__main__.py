"""`python -m tests.chaos.replies`: the proof of replies alone, which `make prove` runs as well."""

import asyncio
import json
import logging
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from hookline.cli.progress import download_progress, say
from runtime.errors import DependencyError
from runtime.lifecycle import EXIT_NO, EXIT_UNREACHABLE
from tests.chaos.__main__ import SEEDS, forget_settings
from tests.chaos.replies.report import document, wrong
from tests.chaos.replies.run import Order, Proof, run
from tests.chaos.run import until_signal


def main(
    *,
    mentions: Annotated[int, typer.Option(min=1, help="How many mentions.")] = 2_000,
    seed: Annotated[int | None, typer.Option(min=0, help="Of all of it.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for data and logs, kept; else a temporary one.")
    ] = None,
) -> None:
    """Mentions while every write goes wrong and replicas die; then a day of answers to answers.

    Prints what was found as one JSON document. Exit code 0: nothing was answered twice, and what
    became of everything is told; 1: not so; 3: the servers cannot be started.
    """
    forget_settings()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # clients complain while brokers die
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    folder = data or Path(tempfile.mkdtemp(prefix="hookline-replies-"))
    say(f"Seed {chosen}, {mentions:,} mentions. Data and logs are in {folder}.")
    with download_progress() as progress:
        order = Order(mentions, chosen, folder.resolve(), say, progress)
        try:
            proof: Proof = asyncio.run(until_signal(run(order)))
        except DependencyError as error:
            say(str(error))
            raise typer.Exit(EXIT_UNREACHABLE) from error
    told = document(proof)
    print(json.dumps(told, indent=1))
    for sentence in wrong(told):
        say(f"- {sentence}")
    if not told["holds"]:
        say(f"Data and logs are kept in {folder}.")
        raise typer.Exit(EXIT_NO)
    if data is None:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
