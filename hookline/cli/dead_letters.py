"""`hookline dead-letters`: look at them, send them again, give them up, let a stage go on."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from uuid import UUID

import typer

from hookline.cli.options import (
    Account,
    AsJson,
    Data,
    DryRun,
    FieldOption,
    Ids,
    Max,
    Since,
    Until,
    Yes,
    confirm,
    print_json,
)
from hookline.connection import use
from schemas.dead_letters import State

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hookline.dead_letters.filters import Filters
    from hookline.dead_letters.plan import Order
    from hookline.dead_letters.whole import Whole
    from schemas.settings import OperatorSettings

LISTED: Final = 100
"""Letters listed when --max is not given."""

SENT_AGAIN: Final = (State.PARKED, State.REDRIVEN, State.DISCARDED)
GIVEN_UP: Final = (State.PARKED, State.REDRIVEN)

app = typer.Typer(
    no_args_is_help=True,
    help="Records that could not be processed: look, repair, send again or give up.",
)

Stage = Annotated[str | None, typer.Option("--stage", help="Only of this worker.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only with this reason.")]
Fingerprint = Annotated[
    str | None, typer.Option("--fingerprint", help="Only of this cause, as `stats` tells it.")
]
States = Annotated[
    list[State] | None, typer.Option("--state", help="Only in this state; repeatable.")
]
Wait = Annotated[
    float, typer.Option("--wait", min=0, help="Then wait so many seconds for what comes of it.")
]

Result = TypeVar("Result")


@app.command("list")
def list_(  # noqa: PLR0913 - the filters
    *,
    ids: Ids = None,
    state: States = None,
    stage: Stage = None,
    reason: ReasonOption = None,
    fingerprint: Fingerprint = None,
    field: FieldOption = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
    limit: Max = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List dead letters, the newest first, without what they hold.

    Marks as resolved what was redriven and is done since.
    """
    filters = _filters(
        ids,
        state,
        stage=stage,
        reason=reason,
        fingerprint=fingerprint,
        field=field,
        account=account,
        since=since,
        until=until,
    )
    wanted = limit or LISTED

    async def main(engine: "AsyncEngine") -> list[Any]:
        from hookline.dead_letters.selection import pages
        from hookline.dead_letters.settlement import settle

        await settle(engine)
        found: list[Any] = []
        async for page in pages(engine, filters, newest_first=True):
            found += page
            if len(found) > wanted:
                break
        return found

    found = _run(main, data)
    letters, more = found[:wanted], len(found) > wanted
    if as_json:
        print_json({"dead_letters": [one.document() for one in letters], "more": more})
    else:
        from hookline.dead_letters.page import show_list

        show_list(letters, more=more)


@app.command()
def show(
    dead_letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` tells it.")],
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
    (wanted,) = _uuids([dead_letter_id])

    async def main(engine: "AsyncEngine") -> "Whole | None":
        from hookline.dead_letters.settlement import settle
        from hookline.dead_letters.whole import read_whole
        from runtime.database import transaction

        await settle(engine)
        async with transaction(engine) as connection:
            return await read_whole(connection, wanted)

    found = _run(main, data)
    if found is None:
        say(f"There is no dead letter {wanted}.")
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
def stats(  # noqa: PLR0913 - the filters
    *,
    ids: Ids = None,
    state: States = None,
    stage: Stage = None,
    reason: ReasonOption = None,
    fingerprint: Fingerprint = None,
    field: FieldOption = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Count dead letters by cause, with what each means and what to do; name stopped stages.

    Marks as resolved what was redriven and is done since.
    """
    filters = _filters(
        ids,
        state,
        stage=stage,
        reason=reason,
        fingerprint=fingerprint,
        field=field,
        account=account,
        since=since,
        until=until,
    )

    async def main(engine: "AsyncEngine") -> tuple[Any, Any]:
        from hookline.dead_letters.breaker import open_breakers
        from hookline.dead_letters.selection import pages
        from hookline.dead_letters.settlement import settle
        from hookline.dead_letters.statistics import Statistics

        await settle(engine)
        statistics = Statistics()
        async for page in pages(engine, filters):
            statistics.add(page)
        return statistics, await open_breakers(engine)

    statistics, breakers = _run(main, data)
    if as_json:
        print_json(statistics.document() | {"breakers": [one.document() for one in breakers]})
    else:
        from hookline.dead_letters.page import show_statistics

        show_statistics(statistics.causes, breakers)


@app.command()
def redrive(  # noqa: PLR0913 - the filters
    *,
    ids: Ids = None,
    state: States = None,
    stage: Stage = None,
    reason: ReasonOption = None,
    fingerprint: Fingerprint = None,
    field: FieldOption = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
    limit: Max = None,
    max_attempts: Annotated[
        int, typer.Option(min=2, max=10, help="Refuse what was given up so often.")
    ] = 3,
    wait_s: Wait = 0.0,
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

    states = _states(state, SENT_AGAIN, "send again")
    filters = _filters(
        ids,
        states,
        stage=stage,
        reason=reason,
        fingerprint=fingerprint,
        field=field,
        account=account,
        since=since,
        until=until,
    )
    order = Order(filters, max_attempts, limit)

    async def main(engine: "AsyncEngine") -> tuple[dict[str, int], str | None]:
        return await _redrive(engine, order, wait_s, dry_run=dry_run, yes=yes)

    counts, operation_id = _run(main, data)
    if as_json:
        print_json({"dry_run": dry_run, "operation_id": operation_id, **counts})
    else:
        waited = bool(wait_s) and not dry_run
        show_redrive(counts, dry_run=dry_run, waited=waited, operation_id=operation_id)
    unfinished = wait_s and (counts["failed_again"] or counts["in_flight"])
    if not dry_run and (counts["refused"] or unfinished):
        raise typer.Exit(1)


async def _redrive(
    engine: "AsyncEngine", order: "Order", wait_s: float, *, dry_run: bool, yes: bool
) -> tuple[dict[str, int], str | None]:
    """The counts, and the operation's id."""
    from hookline.dead_letters.letter import KNOWN_TOPICS
    from hookline.dead_letters.redrive import plan
    from hookline.dead_letters.redrive import redrive as run
    from hookline.dead_letters.selection import count
    from hookline.dead_letters.standing import Standing, settled
    from hookline.operations import recorded
    from runtime.kafka import require_topics
    from runtime.publisher import Publisher

    total = await count(engine, order.filters)
    if dry_run:
        with _bar(total) as advance:
            report = await plan(engine, order, advance)
        return {**report.counts(), **Standing(0, 0, 0).counts()}, None
    if sys.stdin.isatty() and not yes:
        confirm(f"Send up to {min(total, order.limit or total)} letters again?", yes=False)
    arguments = {**_told(order.filters), "max_attempts": order.max_attempts, "max": order.limit}
    async with Publisher(_settings()) as publisher:
        await require_topics(publisher.producer, KNOWN_TOPICS)
        await publisher.learn(list(KNOWN_TOPICS))
        async with recorded(engine, "dead-letters redrive", arguments) as operation:
            with _bar(total) as advance:
                report = await run(engine, publisher, order, operation, advance)
            stands = await settled(engine, operation.operation_id, wait_s)
            operation.counts = {**report.counts(), **stands.counts()}
    return operation.counts, operation.operation_id


@app.command()
def discard(  # noqa: PLR0913 - the filters
    *,
    ids: Ids = None,
    state: States = None,
    stage: Stage = None,
    reason: ReasonOption = None,
    fingerprint: Fingerprint = None,
    field: FieldOption = None,
    account: Account = None,
    since: Since = None,
    until: Until = None,
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
    from hookline.dead_letters.page import show_discard

    states = _states(state, GIVEN_UP, "give up")
    filters = _filters(
        ids,
        states,
        stage=stage,
        reason=reason,
        fingerprint=fingerprint,
        field=field,
        account=account,
        since=since,
        until=until,
    )

    async def main(engine: "AsyncEngine") -> tuple[dict[str, int], str | None]:
        from hookline.dead_letters.discard import discard as run
        from hookline.dead_letters.selection import count
        from hookline.dead_letters.settlement import settle
        from hookline.operations import recorded

        await settle(engine)
        with _bar(await count(engine, filters)) as advance:
            meant = await run(engine, filters, limit, None, advance)
        if dry_run or not meant["selected"]:
            return meant, None
        confirm(f"Discard {meant['selected']} dead letters?", yes=yes)
        arguments = {**_told(filters), "max": limit, "reason_text": reason_text}
        async with recorded(engine, "dead-letters discard", arguments) as operation:
            with _bar(meant["selected"]) as advance:
                counts = await run(engine, filters, limit, operation, advance)
        await settle(engine)
        return counts, operation.operation_id

    counts, operation_id = _run(main, data)
    if as_json:
        print_json({"dry_run": dry_run, "operation_id": operation_id, **counts})
    else:
        show_discard(counts, dry_run=dry_run, operation_id=operation_id)


@app.command()
def resume(
    *,
    stage: Annotated[str, typer.Option("--stage", help="The worker that stands still.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Let a stage go on that stopped because of too many dead letters.

    Repair the cause first, or it stops again. Exit code 1 when the stage was not stopped.
    """
    from workers.registry import WORKERS

    if stage not in WORKERS:
        raise typer.BadParameter(f"one of {', '.join(WORKERS)}", param_hint="--stage")

    async def main(engine: "AsyncEngine") -> tuple[bool, str | None]:
        from hookline.dead_letters.breaker import close, open_breakers
        from hookline.operations import recorded

        is_open = stage in {one.stage for one in await open_breakers(engine)}
        if dry_run or not is_open:
            return is_open, None
        async with recorded(engine, "dead-letters resume", {"stage": stage}) as operation:
            closed = await close(engine, stage)
            operation.count("closed", int(closed))
        return closed, operation.operation_id

    is_open, operation_id = _run(main, data)
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


def _run(main: "Callable[[AsyncEngine], Awaitable[Result]]", data: Any) -> Result:
    """What a verb does with the database, of the folder that is given if any."""
    use(data)

    async def connected() -> Result:
        async with _database(_settings()) as engine:
            return await main(engine)

    return asyncio.run(connected())


def _settings() -> "OperatorSettings":
    from runtime.configuration import load
    from schemas.settings import OperatorSettings

    return load(OperatorSettings)


@asynccontextmanager
async def _database(settings: "OperatorSettings") -> "AsyncIterator[AsyncEngine]":
    from runtime.database import dispose, new_engine, require_revision
    from runtime.errors import DatabaseUnavailableError, DependencyError

    engine = new_engine(settings, "dead-letters", command_timeout_s=None)
    try:
        await require_revision(engine)
        yield engine
    except DatabaseUnavailableError as error:
        raise DependencyError(f"PostgreSQL went away ({error}). Try again.") from error
    finally:
        await dispose(engine)


def _filters(ids: Sequence[str] | None, states: Sequence[State] | None, **others: Any) -> "Filters":
    from hookline.dead_letters.filters import Filters

    return Filters(ids=_uuids(ids or ()), states=tuple(states or ()), **others)


def _uuids(ids: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(str(UUID(one)) for one in ids)
    except ValueError as error:
        raise typer.BadParameter("an id of a dead letter, as `list` tells it") from error


def _states(
    given: Sequence[State] | None, allowed: Sequence[State], purpose: str
) -> Sequence[State]:
    """The states that are meant: parked, when nothing is said."""
    for state in given or ():
        if state not in allowed:
            raise typer.BadParameter(f"--state {state}: there is nothing to {purpose}")
    return given or (State.PARKED,)


def _told(filters: "Filters") -> dict[str, Any]:
    """The filters that were given, for the audit."""
    return {name: value for name, value in asdict(filters).items() if value}


@contextmanager
def _bar(total: int) -> "Iterator[Callable[[int], None]]":
    """A bar over the letters on a terminal; elsewhere nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from hookline.cli.progress import console

    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("dead letters"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda number: progress.advance(task, number)
