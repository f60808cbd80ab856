"""`hookline audit`: whether everything received has ended, once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from hookline.cli.database import database
from hookline.cli.options import AsJson, Data, FieldOption, Since, Until, print_json
from hookline.connection import use
from hookline.moments import parse_moment, require_order

if TYPE_CHECKING:
    from hookline.audit.raw_records import Advance
    from hookline.audit.run import Audit
    from hookline.audit.scope import Scope
    from schemas.settings import OperatorSettings


def _duration(text: str) -> timedelta:
    """How long `90s`, `10m`, `2h` or `3d` is."""
    now = datetime.now(UTC)
    try:
        # Also a moment reads as one; it ends in a digit, or in its zone.
        return now - parse_moment(text if text[-1:].islower() else "", now)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no duration: write 30s, 10m, 2h") from error


Grace = Annotated[
    timedelta,
    typer.Option(
        "--grace",
        parser=_duration,
        metavar="DURATION",
        help="What is in flight for longer is missing.",
    ),
]
Wait = Annotated[
    float, typer.Option("--wait", min=0, help="Before, wait so many seconds for what is in flight.")
]
Examples = Annotated[int, typer.Option("--max", min=1, help="Name so many of each kind of fault.")]
Kafka = Annotated[
    bool, typer.Option("--kafka", help="Also look up every raw record that Kafka still has.")
]

Bodies = Annotated[
    bool, typer.Option("--bodies", help="Also compare every archived body with its sha256.")
]


def audit(  # noqa: PLR0913 - the options of a command
    *,
    since: Since = None,
    until: Until = None,
    field: FieldOption = None,
    grace: Grace = "10m",  # type: ignore[assignment]  # typer parses it
    wait_s: Wait = 0.0,
    bodies: Bodies = False,
    kafka: Kafka = False,
    examples: Examples = 20,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Add up what was received and how it ended, and name what is missing or doubled.

    Reads only. Exit code 1 when it does not add up.
    """
    try:
        require_order(since, until)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    use(data)
    from hookline.audit.document import document  # noqa: PLC0415
    from hookline.audit.page import show  # noqa: PLC0415
    from hookline.audit.scope import Scope  # noqa: PLC0415
    from runtime.configuration import load  # noqa: PLC0415
    from schemas.settings import OperatorSettings  # noqa: PLC0415

    settings = load(OperatorSettings)
    scope = Scope(datetime.now(UTC), grace, since, until, field)
    found = asyncio.run(
        _audit(settings, scope, wait_s=wait_s, bodies=bodies, kafka=kafka, examples=examples)
    )
    if as_json:
        print_json(document(found))
    else:
        show(found)
    if not found.adds_up:
        raise typer.Exit(1)


async def _audit(
    settings: "OperatorSettings",
    scope: "Scope",
    *,
    wait_s: float,
    bodies: bool,
    kafka: bool,
    examples: int,
) -> "Audit":
    from dataclasses import replace  # noqa: PLC0415

    from hookline.audit import run  # noqa: PLC0415

    async with database(settings, "audit") as engine:
        if wait_s:
            await run.settled(engine, scope, wait_s)
            scope = replace(scope, at=datetime.now(UTC))
        found = await run.audit(engine, scope, examples, bodies=bodies)
        if kafka:
            with _progress() as advance:
                found = await run.with_raw_records(found, engine, settings, examples, advance)
        return found


@contextmanager
def _progress() -> "Iterator[Advance]":
    """A bar over Kafka's records; nothing where there is no terminal."""
    from rich.progress import Progress  # noqa: PLC0415

    from hookline.cli.progress import console  # noqa: PLC0415

    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Kafka's raw records", total=None)

        def advance(read: int, of: int) -> None:
            progress.update(task, completed=read, total=of)

        yield advance
