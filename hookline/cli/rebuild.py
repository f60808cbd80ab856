"""`hookline rebuild`: the tables again from raw. Owns its options and what it prints."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hookline.cli.database import database
from hookline.cli.options import (
    AsJson,
    Data,
    DryRun,
    Yes,
    confirm,
    moment_of,
    print_json,
    require_answer,
)
from hookline.connection import use

if TYPE_CHECKING:
    from hookline.rebuild.batches import Progress
    from hookline.rebuild.comparison import Comparison
    from hookline.rebuild.run import Ask, Order, Report

KINDS: Final = {
    "missing": "missing: deliveries or answers tell it, the live table lacks it",
    "extra": "extra: no delivery or answer tells it",
    "different": "different in",
}


def rebuild(  # noqa: PLR0913 - the options of a command
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with the live tables; exit 1 if not equal.")
    ] = False,
    swap: Annotated[
        bool, typer.Option("--swap", help="Put rebuilt rows where the live ones are not right.")
    ] = False,
    schema: Annotated[
        str, typer.Option("--schema", help="Scratch schema to build in.")
    ] = "hookline_rebuild",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes side by side.")] = 4,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until",
            parser=moment_of,
            metavar="TIME",
            help="Only what was received before: RFC 3339, or 2h, 3d ago.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--max", min=1, help="Name so many differences.")] = 20,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    yes: Yes = False,
    data: Data = None,
) -> None:
    """Make the tables again from the archived deliveries, in a scratch schema, beside live traffic.

    Alone it only builds, for a look. --verify compares, and changes nothing. --swap changes the
    rows that differ, in one transaction, and keeps them as they were in a schema of their own.

    One that was killed goes on where it was.
    """
    from hookline.rebuild.run import Order
    from hookline.rebuild.scratch import is_scratch_name

    if not is_scratch_name(schema):
        raise typer.BadParameter("lower-case letters, digits and _, and a name of its own")
    if swap and until is not None:
        raise typer.BadParameter("--swap takes everything: it goes without --until")
    if dry_run and not swap:
        raise typer.BadParameter("--dry-run goes with --swap: nothing else changes live rows")
    if swap and not dry_run:
        require_answer(yes=yes)
    use(data)
    order = Order(schema, workers, until, verify, swap, dry_run, limit)
    report = _run(order, _asker(yes=yes))
    if as_json:
        print_json(report.document())
    else:
        _print(report, order)
    if verify and report.comparison is not None and not report.comparison.equal:
        raise typer.Exit(1)


def _run(order: "Order", ask: "Ask") -> "Report":
    import stamina

    from hookline.cli.progress import say
    from hookline.rebuild.run import rebuild as run
    from runtime.configuration import load
    from schemas.settings import DatabaseSettings

    async def main(show: "Callable[[Progress], None]") -> "Report":
        async with database(load(DatabaseSettings), "rebuild") as engine:
            return await run(engine, order, ask, show, say)

    stamina.instrumentation.set_on_retry_hooks([])
    with _bar() as show:
        return asyncio.run(main(show))


def _asker(*, yes: bool) -> "Ask":
    def ask(found: "Comparison") -> None:
        where = ", ".join(f"{one.table} {one.differing}" for one in found.tables if one.differing)
        confirm(
            f"Up to {found.differing} rows are not as the deliveries tell ({where}). "
            "Exchange them? (--dry-run names them.)",
            yes=yes,
        )

    return ask


@contextmanager
def _bar() -> "Iterator[Callable[[Progress], None]]":
    """A bar over the deliveries on a terminal; elsewhere nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from hookline.cli.progress import console

    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("deliveries"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(now: "Progress") -> None:
            bar.update(task, total=now.deliveries, completed=now.read)
            if now.deliveries == now.read:
                bar.stop()  # what follows may ask a question

        yield show


def _print(report: "Report", order: "Order") -> None:
    from rich.table import Table

    from hookline.console import page

    console = page()
    counts = report.counts
    resumed = " (gone on with)" if report.resumed else ""
    console.print(
        f"Rebuilt{resumed} in {report.seconds:.1f} s: {counts['read']} deliveries, "
        f"{counts['changes']} changes, {counts['written']} distinct, "
        f"{counts['duplicates']} duplicates, {counts['failed']} records rejected.",
        soft_wrap=True,
    )
    if report.comparison is not None:
        table = Table("table", "live rows", "rebuilt rows", "live checksum", "rebuilt", "differing")
        for one in report.comparison.tables:
            table.add_row(
                one.table,
                str(one.live.rows),
                str(one.rebuilt.rows),
                one.live.checksum,
                one.rebuilt.checksum,
                str(one.differing),
            )
        console.print(table)
        _print_differences(report.comparison)
    for line in _conclusions(report, order):
        console.print(line, soft_wrap=True, markup=False)


def _print_differences(found: "Comparison") -> None:
    for one in found.differences:
        key = " ".join(f"{name}={value}" for name, value in one.key.items())
        columns = f" {', '.join(one.columns)}" if one.columns else ""
        print(f"{one.table} {key}: {KINDS[one.kind]}{columns}")
    if found.differing > len(found.differences):
        print(f"… and {found.differing - len(found.differences)} more: --max names more of them.")


def _conclusions(report: "Report", order: "Order") -> "Iterator[str]":
    if order.verify and report.comparison is not None:
        cut = report.until.isoformat(timespec="seconds")
        equal = "Equal" if report.comparison.equal else "NOT equal"
        yield f"{equal}: rows that were last changed by what was received before {cut}."
    if damaged := report.counts["damaged"]:
        yield (
            f"Not used: {damaged} deliveries whose archived bytes are not those that were "
            "received. Name them with `hookline audit --bodies`."
        )
    if report.exchanged:
        done = {
            name: sum(getattr(table, name) for table in report.exchanged.values())
            for name in ("new", "changed", "removed", "kept")
        }
        yield (
            f"Exchanged: {done['changed']} rows changed, {done['new']} added, {done['removed']} "
            f"removed; {done['kept']} left alone: their delivery or "
            "answer is not archived, or not intact."
        )
    elif order.swap:
        differing = report.comparison.differing if report.comparison else 0
        yield f"Nothing exchanged: {differing} rows differ."
    if report.before:
        yield f"The rows as they were are in the schema {report.before}. When you are content:"
        yield f"  DROP SCHEMA {report.before} CASCADE;"
    if report.scratch_left:
        yield f"The rebuilt tables are in the schema {report.schema}. To be rid of them:"
        yield f"  DROP SCHEMA {report.schema} CASCADE;"
