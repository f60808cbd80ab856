"""`hookline replay`: a stage once more over chosen records. Owns its options and what it prints."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal
from uuid import UUID

import typer

from hookline.cli.database import run
from hookline.cli.options import (
    Account,
    AsJson,
    Data,
    DryRun,
    FieldOption,
    Since,
    Until,
    Yes,
    offer,
    print_json,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hookline.replay.live import Lag
    from hookline.replay.order import Order
    from hookline.replay.run import Progress, Report
    from hookline.replay.throttle import Limits
    from schemas.settings import OperatorSettings

PIPED_WIDTH: Final = 120

RATE: Final = 1_000
"""Records a second when nothing is said: a fraction of what one worker does."""

MAX_LAG: Final = 1_000
"""Records that a live worker may be behind when nothing is said: two of its batches."""

Stage = Annotated[
    Literal["archive", "dedupe", "enrich", "persist"] | None,
    typer.Option("--stage", help="The worker whose work is done once more."),
]
EventIds = Annotated[list[str] | None, typer.Option("--id", help="Only this event's; repeatable.")]
Query = Annotated[
    str | None,
    typer.Option(
        "--ids-from-sql",
        metavar="QUERY",
        help="Only events whose ids this query gives, as one column. It is run read-only.",
    ),
]
Origin = Annotated[
    Literal["topic", "archive"],
    typer.Option(
        "--from", help="Kafka's topics; or the archived deliveries, also past the retention."
    ),
]
Enrichment = Annotated[
    Literal["recorded", "refresh"] | None,
    typer.Option(
        "--enrichment",
        help="Of enrich: publish the recorded answers again, which is meant when nothing is said; "
        "or have the Graph API asked again.",
    ),
]
Rate = Annotated[int, typer.Option(min=1, help="No more records a second than so many.")]
MaxLag = Annotated[
    int,
    typer.Option(min=0, help="Wait while a live worker is more records behind than so many."),
]
Limit = Annotated[int | None, typer.Option("--max", min=1, help="No more records than so many.")]
Resume = Annotated[
    UUID | None,
    typer.Option(metavar="OPERATION_ID", help="Go on with one that did not come to its end."),
]


def replay(  # noqa: PLR0913 - the options of a command
    *,
    stage: Stage = None,
    field: FieldOption = None,
    account: Account = None,
    ids: EventIds = None,
    ids_from_sql: Query = None,
    since: Since = None,
    until: Until = None,
    origin: Origin = "topic",
    enrichment: Enrichment = None,
    rate: Rate = RATE,
    max_lag: MaxLag = MAX_LAG,
    limit: Limit = None,
    dry_run: DryRun = False,
    resume: Resume = None,
    as_json: AsJson = False,
    yes: Yes = False,
    data: Data = None,
) -> None:
    """Do a stage once more over chosen records, with the live worker's own code, beside it.

    Times are those of receipt. Doing it twice does no harm: rows that are right stay the same. It
    gives way to live traffic, and one that was stopped or killed goes on with --resume.
    """
    from hookline.replay.order import Order, OrderError, check
    from hookline.replay.throttle import Limits

    chosen = (stage, field, account, ids, ids_from_sql, since, until, limit, enrichment)
    if resume is not None and (dry_run or origin != "topic" or any(chosen)):
        raise typer.BadParameter("--resume knows what was chosen: give nothing but limits with it")
    limits = Limits(rate, max_lag)
    try:
        if resume is not None:
            report = _resume(str(resume), limits, data)
        elif stage is None:
            raise typer.BadParameter(
                "name the stage: archive, dedupe, enrich or persist", param_hint="--stage"
            )
        else:
            wanted = frozenset(ids) if ids else None
            which = (field, account, wanted, ids_from_sql, since, until, limit)
            order = Order(stage, origin, *which, enrichment)
            check(order)
            report = _replay(order, limits, data, dry_run=dry_run, yes=yes)
    except OrderError as error:
        raise typer.BadParameter(str(error)) from error
    if as_json:
        print_json(report.document())
    else:
        _print(report)


def _replay(
    order: "Order", limits: "Limits", data: Path | None, *, dry_run: bool, yes: bool
) -> "Report":
    from hookline.cli.progress import say
    from hookline.replay.run import Replay

    begun: list[str] = []

    async def main(engine: "AsyncEngine", settings: "OperatorSettings") -> "Report":
        meant = await _with_ids(engine, order)
        if not dry_run:
            offer(f"Do the stage {order.stage} once more over these records?", yes=yes)
        with _bar() as show:
            work = Replay(engine, settings, limits, show)
            return await (work.rehearse(meant) if dry_run else work.run(meant, begun.append))

    try:
        return _run(main, data)
    except BaseException:
        if begun:
            say(f"What is done is kept. Go on with: hookline replay --resume {begun[0]}")
        raise


def _resume(operation_id: str, limits: "Limits", data: Path | None) -> "Report":
    from hookline.replay.run import Replay

    async def main(engine: "AsyncEngine", settings: "OperatorSettings") -> "Report":
        with _bar() as show:
            return await Replay(engine, settings, limits, show).resume(operation_id)

    return _run(main, data)


def _run(
    main: "Callable[[AsyncEngine, OperatorSettings], Awaitable[Report]]", data: Path | None
) -> "Report":
    import stamina

    from runtime.database import STATEMENT_TIMEOUT_S

    stamina.instrumentation.set_on_retry_hooks([])  # its waits are told by the bar
    return run("replay", data, main, command_timeout_s=STATEMENT_TIMEOUT_S)


async def _with_ids(engine: "AsyncEngine", order: "Order") -> "Order":
    """The order with the ids that its query gives, if it has one."""
    from dataclasses import replace

    from hookline.replay.order import check
    from hookline.replay.wanted import ids_from_sql

    if order.query is None:
        return order
    found = await ids_from_sql(engine, order.query)
    order = replace(order, ids=(order.ids or frozenset()) | found)
    check(order)
    return order


@contextmanager
def _bar() -> "Iterator[Callable[[Progress], None]]":
    """A bar with the time left on a terminal; elsewhere a line when it has to wait."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from hookline.cli.progress import console, say

    waiting = False
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, visible=False)

        def show(now: "Progress") -> None:
            nonlocal waiting
            wait = "" if now.waits_for is None else f"waits for {_behind(now.waits_for)}"
            if wait and not waiting and not console.is_terminal:
                say(f"Replay {wait}.")
            waiting = bool(wait)
            bar.update(
                task,
                total=now.total,
                completed=now.read,
                description=", ".join(filter(None, (f"{now.selected} selected", wait, "read"))),
                visible=True,
            )

        yield show


def _behind(lag: "Lag") -> str:
    return f"the live {lag.worker}, which is {lag.records} records behind"


def _print(report: "Report") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPED_WIDTH)
    told = report.document()
    table = Table("table", "new", "changed", "same", "duplicates")
    for name, counts in report.tables.items():
        table.add_row(name, *map(str, counts.values()))
    console.print(table)
    for line in _conclusions(report, told):
        console.print(line, soft_wrap=True, markup=False)


def _conclusions(report: "Report", told: dict[str, int]) -> Iterator[str]:
    imagined = report.operation_id is None
    would, fail = ("would be ", "would fail") if imagined else ("", "failed")
    read = "deliveries" if report.reads_deliveries else "records"
    yield (
        f"{told['read']} {read} read, {told['selected']} selected, "
        f"{told['duplicates']} duplicates; {told['written']} rows {would}written, "
        f"{told['failed']} records {fail}."
    )
    if not told["selected"]:
        yield "Nothing that was read is what the options choose."
    if report.stage == "dedupe":
        yield (
            f"{told['published']} events {'would be' if imagined else 'were'} published again: "
            "the live persist stores them."
        )
    if report.stage == "enrich" and report.effect != "refresh":
        yield (
            f"{told['published']} recorded answers {'would be' if imagined else 'were'} published "
            "again: the live persist merges them."
        )
    if report.effect == "refresh":
        yield (
            f"The Graph API {'would' if imagined else 'will'} be asked for {told['new']} objects, "
            "after everything else: the live enrich does it, within its budget."
        )
    if told["unclaimed"]:
        yield (
            f"{told['unclaimed']} changes have no claim and were left out: "
            "replay the stage dedupe over them."
        )
    if told["failed"] and not imagined:
        yield "What failed is a dead letter: hookline dead-letters stats."
    if imagined:
        yield "Nothing was changed."
    else:
        yield f"Recorded as operation {report.operation_id}."
