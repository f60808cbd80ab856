"""`hookline demo`: the whole line with simulated traffic, then the tables."""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data, to look into it.")] = False,
    seed: Annotated[int, typer.Option(help="Same seed, same traffic.")] = 1,
    deliveries: Annotated[int, typer.Option(min=1, max=100_000, help="How many to send.")] = 600,
) -> None:
    """Run everything here with simulated Meta traffic, and show the tables that come out."""
    from rich.console import Console  # noqa: PLC0415

    from hookline.cli.progress import console, download_progress, say  # noqa: PLC0415
    from hookline.demo.run import Demonstration, run  # noqa: PLC0415

    with ExitStack() as stack:
        if keep:
            folder = Path(tempfile.mkdtemp(prefix="hookline-demo-"))
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hookline-demo-")))
        progress = stack.enter_context(download_progress())
        found = asyncio.run(
            run(Demonstration(folder, seed, deliveries, Console(), console, say, progress))
        )
    for problem in found:
        say(f"Does not add up: {problem}.")
    if keep:
        say(f"The data are in {folder}. Start them again: hookline up --data {folder}")
    if found:
        raise typer.Exit(1)
    say(
        "Everything adds up: every acknowledged delivery is stored, no row is doubled, and all "
        "that can be read was read."
    )
