"""`hookline dead-letters`: look at them, send them again, give them up, let a stage go on."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hookline.cli.database import run
from hookline.cli.letter_filters import filtered, in_states, letter_id, stage_of_worker
from hookline.cli.options import AsJson, Data, DryRun, Max, Yes, confirm, offer, print_json
from schemas.dead_letters import State

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hookline.dead_letters.filters import Filters
    from hookline.dead_letters.letter import Letter
    from hookline.dead_letters.plan import Order
    from hookline.dead_letters.whole import Whole
    from schemas.settings import OperatorSettings

VERB: Final = "dead-letters"

LISTED: Final = 100
"""Letters listed when --max is not given."""

SENT_AGAIN: Final = (State.PARKED, State.REDRIVEN, State.DISCARDED)
GIVEN_UP: Final = (State.PARKED, State.REDRIVEN)

Counted = tuple[dict[str, int], str | None]
"""The counts of a verb, and its operation's id; none when nothing was done."""

app = typer.Typer(
    no_args_is_help=True,
    help="Records that could not be processed: look, repair, send again or give up.",
)


@app.command("list")
@filtered
def list_(
    filters: "Filters", *, limit: Max = None, as_json: AsJson = False, data: Data = None
) -> None:
    """List dead letters, the newest first, without what they hold.

    Marks as resolved what is done since.
    """
    wanted = limit or LISTED

    async def main(engine: "AsyncEngine", _: "OperatorSettings") -> "list[Letter]":
        from hookline.dead_letters.selection import pages
        from hookline.dead_letters.settlement import settle

        await settle(engine)
        found: list[Letter] = []
        async for page in pages(engine, filters, newest_first=True):
            found += page
            if len(found) > wanted:
                break
        return found

    found = run(VERB, data, main)
    letters, more = found[:wanted], len(found) > wanted
    if as_json:
        print_json({"dead_letters": [one.document() for one in letters], "more": more})
    else:
        from hookline.dead_letters.page import show_list

        show_list(letters, more=more)


@app.command()
def show(
    dead_letter_id: Annotated[
        str, typer.Argument(metavar="ID", parser=letter_id, help="As `list` tells it.")
    ],
    *,
    value: Annotated[
        bool,
        typer.Option("--value", help="Only the record's value, as it is: texts of people."),
    ] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Show one dead letter whole: cause, headers, what became of it.

    Exit code 1 when there is none of this id.
    """
    from hookline.cli.progress import say

    if value and as_json:
        raise typer.BadParameter("--value prints the bytes as they are: it goes without --json")

    async def main(engine: "AsyncEngine", _: "OperatorSettings") -> "Whole | None":
        from hookline.dead_letters.settlement import settle
        from hookline.dead_letters.whole import read_whole
        from runtime.database import transaction

        await settle(engine)
        async with transaction(engine) as connection:
            return await read_whole(connection, dead_letter_id)

    found = run(VERB, data, main)
    if found is None:
        say(f"There is no dead letter {dead_letter_id}.")
        raise typer.Exit(1)
    if value:
        say("What follows holds texts and names of people: keep it to yourself.")
        sys.stdout.buffer.write(found.content.value or b"")
        sys.stdout.buffer.flush()
    elif as_json:
        print_json(found.document())
    else:
        from hookline.dead_letters.page import show_whole

        show_whole(found)


@app.command()
@filtered
def stats(filters: "Filters", *, as_json: AsJson = False, data: Data = None) -> None:
    """Count dead letters by cause, with what each means and what to do; name stopped stages.

    Marks as resolved what is done since.
    """

    async def main(engine: "AsyncEngine", _: "OperatorSettings") -> tuple[Any, Any]:
        from hookline.dead_letters.breaker import open_breakers
        from hookline.dead_letters.selection import pages
        from hookline.dead_letters.settlement import settle
        from hookline.dead_letters.statistics import Statistics

        await settle(engine)
        statistics = Statistics()
        async for page in pages(engine, filters):
            statistics.add(page)
        return statistics, await open_breakers(engine)

    statistics, breakers = run(VERB, data, main)
    if as_json:
        print_json(statistics.document() | {"breakers": [one.document() for one in breakers]})
    else:
        from hookline.dead_letters.page import show_statistics

        show_statistics(statistics.causes, breakers)


@app.command()
@filtered
def redrive(  # noqa: PLR0913 - the options of a command
    filters: "Filters",
    *,
    limit: Max = None,
    max_attempts: Annotated[
        int, typer.Option(min=2, max=10, help="Refuse what was given up so often.")
    ] = 3,
    wait_s: Annotated[
        float,
        typer.Option("--wait", min=0, help="Then wait so many seconds for what comes of it."),
    ] = 0.0,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Send the records of dead letters to their topics again, when the cause is repaired.

    Sending twice does no harm, so it asks on a terminal only. What fails again has a new letter,
    of one attempt more. Exit code 1 when something was refused, or has not succeeded after --wait.
    """
    from hookline.dead_letters.page import show_redrive
    from hookline.dead_letters.plan import Order

    order = Order(in_states(filters, SENT_AGAIN, "send again"), max_attempts, limit)

    async def main(engine: "AsyncEngine", settings: "OperatorSettings") -> Counted:
        if dry_run:
            return await _rehearse(engine, order)
        return await _redrive(engine, settings, order, wait_s, yes=yes)

    counts, operation_id = run(VERB, data, main)
    if as_json:
        print_json({"dry_run": dry_run, "operation_id": operation_id, **counts})
    else:
        waited = bool(wait_s) and not dry_run
        show_redrive(counts, dry_run=dry_run, waited=waited, operation_id=operation_id)
    unfinished = wait_s and (counts["failed_again"] or counts["in_flight"])
    if not dry_run and (counts["refused"] or unfinished):
        raise typer.Exit(1)


async def _rehearse(engine: "AsyncEngine", order: "Order") -> Counted:
    from hookline.cli.progress import counting_bar
    from hookline.dead_letters.redrive import plan
    from hookline.dead_letters.selection import count
    from hookline.dead_letters.standing import Standing

    with counting_bar("dead letters", await count(engine, order.filters)) as advance:
        report = await plan(engine, order, advance)
    return {**report.counts(), **Standing(0, 0, 0).counts()}, None


async def _redrive(
    engine: "AsyncEngine",
    settings: "OperatorSettings",
    order: "Order",
    wait_s: float,
    *,
    yes: bool,
) -> Counted:
    from hookline.cli.progress import counting_bar
    from hookline.dead_letters.letter import KNOWN_TOPICS
    from hookline.dead_letters.redrive import redrive as send_again
    from hookline.dead_letters.selection import count
    from hookline.dead_letters.standing import settled
    from hookline.operations import recorded
    from runtime.kafka import require_topics
    from runtime.publisher import Publisher

    total = await count(engine, order.filters)
    offer(f"Send up to {min(total, order.limit or total)} letters again?", yes=yes)
    arguments = {**_told(order.filters), "max_attempts": order.max_attempts, "max": order.limit}
    async with Publisher(settings) as publisher:
        await require_topics(publisher.producer, KNOWN_TOPICS)
        await publisher.learn(list(KNOWN_TOPICS))
        async with recorded(engine, f"{VERB} redrive", arguments) as operation:
            with counting_bar("dead letters", total) as advance:
                report = await send_again(engine, publisher, order, operation, advance)
            stands = await settled(engine, operation.operation_id, wait_s)
            operation.counts = {**report.counts(), **stands.counts()}
    return operation.counts, operation.operation_id


@app.command()
@filtered
def discard(
    filters: "Filters",
    *,
    limit: Max = None,
    reason_text: Annotated[
        str, typer.Option("--reason-text", help="Why; kept in the audit. No texts of people.")
    ] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Give dead letters up. Their rows and records are kept; nobody is reminded of them."""
    from hookline.cli.progress import counting_bar
    from hookline.dead_letters.page import show_discard

    filters = in_states(filters, GIVEN_UP, "give up")

    async def main(engine: "AsyncEngine", _: "OperatorSettings") -> Counted:
        from hookline.dead_letters.discard import discard as give_up
        from hookline.dead_letters.selection import count
        from hookline.dead_letters.settlement import settle
        from hookline.operations import recorded

        await settle(engine)
        total = await count(engine, filters)
        with counting_bar("dead letters", total) as advance:
            meant = await give_up(engine, filters, limit, None, advance)
        if dry_run or not meant["selected"]:
            return meant, None
        confirm(f"Discard {meant['selected']} dead letters?", yes=yes)
        arguments = {**_told(filters), "max": limit, "reason_text": reason_text}
        async with recorded(engine, f"{VERB} discard", arguments) as operation:
            with counting_bar("dead letters", total) as advance:
                counts = await give_up(engine, filters, limit, operation, advance)
        await settle(engine)
        return counts, operation.operation_id

    counts, operation_id = run(VERB, data, main)
    if as_json:
        print_json({"dry_run": dry_run, "operation_id": operation_id, **counts})
    else:
        show_discard(counts, dry_run=dry_run, operation_id=operation_id)


@app.command()
def resume(
    *,
    stage: Annotated[
        str,
        typer.Option(
            "--stage", parser=stage_of_worker, metavar="WORKER", help="The one that stands still."
        ),
    ],
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Let a stage go on that stopped because of too many dead letters.

    Repair the cause first, or it stops again. Exit code 1 when the stage was not stopped.
    """

    async def main(engine: "AsyncEngine", _: "OperatorSettings") -> tuple[bool, str | None]:
        from hookline.dead_letters.breaker import close, open_breakers
        from hookline.operations import recorded

        is_open = stage in {one.stage for one in await open_breakers(engine)}
        if dry_run or not is_open:
            return is_open, None
        async with recorded(engine, f"{VERB} resume", {"stage": stage}) as operation:
            closed = await close(engine, stage)
            operation.count("closed", int(closed))
        return closed, operation.operation_id

    is_open, operation_id = run(VERB, data, main)
    if as_json:
        closed = int(is_open and not dry_run)
        print_json(
            {"dry_run": dry_run, "operation_id": operation_id, "stage": stage, "closed": closed}
        )
    elif not is_open:
        print(f"{stage} was not stopped.")
    elif dry_run:
        print(f"Would let {stage} go on.")
    else:
        print(f"{stage} goes on. Recorded as operation {operation_id}.")
    if not is_open:
        raise typer.Exit(1)


def _told(filters: "Filters") -> dict[str, Any]:
    """The filters that were given, for the audit."""
    return {name: value for name, value in asdict(filters).items() if value}
