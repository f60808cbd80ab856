"""`hookline simulate`: Meta's side, on this machine. Owns options and output, no traffic."""

# ruff: noqa: PLC0415 - imports wait for the command that needs them: help must come at once

import asyncio
import json
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hookline.cli.serve_graph import serve_graph
from hookline.cli.simulated import AppId, AsJson, Data, Seed, fail, graph_of, target_of

if TYPE_CHECKING:
    from simulator.delivery import Delivery
    from simulator.report import Report
    from simulator.sender import SenderOptions
    from simulator.target import Target

app = typer.Typer(
    help="Meta's side: signed deliveries for tests, demonstrations and load. Sends to this "
    "machine only, unless told otherwise.",
    no_args_is_help=True,
)

app.command("serve-graph")(serve_graph)

CONNECT_DEADLINE_S: Final = 5.0

PREPARED_CHANGES: Final = 200_000
"""Up to so many changes a burst is written before it is sent, so that writing does not slow it."""

Url = Annotated[str | None, typer.Option(help="Receiver; HOOKLINE_INGEST_URL when not given.")]
Rate = Annotated[float | None, typer.Option(min=0.001, help="New deliveries a second.")]
Concurrency = Annotated[int, typer.Option(min=1, max=4096, help="Requests in flight at once.")]
Compression = Annotated[
    float, typer.Option(min=1, help="Real seconds of Meta's 36 h of retries in one second here.")
]
AllowRemote = Annotated[bool, typer.Option("--allow-remote", help="Send to another machine.")]
Fields = Annotated[list[str] | None, typer.Option("--field", help="Only this field; repeatable.")]

Graph = Annotated[
    str | None,
    typer.Option(
        help="A `serve-graph` to tell of each delivery before it is sent. With --data the line's, "
        "when it is on this machine."
    ),
]


@app.command()
def send(  # noqa: PLR0913 - the options of a command
    *,
    deliveries: Annotated[int, typer.Option(min=1, help="How many to send.")] = 200,
    case: Annotated[
        list[str] | None, typer.Option(help="Only this case; repeatable. See `cases`.")
    ] = None,
    field: Fields = None,
    seed: Seed = None,
    rate: Rate = None,
    concurrency: Concurrency = 16,
    compression: Compression = 2160.0,
    data: Data = None,
    url: Url = None,
    graph: Graph = None,
    app_id: AppId = None,
    allow_remote: AllowRemote = False,
    as_json: AsJson = False,
) -> None:
    """Send mixed traffic of every shape, and say what must be stored of it."""
    from simulator.cases import UnknownCaseError, select
    from simulator.expected import expect
    from simulator.schedule import RetrySchedule
    from simulator.sender import SenderOptions
    from simulator.traffic import mixed

    try:
        cases = select(case or (), field or ())
    except UnknownCaseError as error:
        raise typer.BadParameter(f"{error}. `hookline simulate cases` lists them.") from error
    seed = _seed(seed)
    options = SenderOptions(
        concurrency=concurrency,
        rate_per_s=rate,
        schedule=RetrySchedule(compression),
        remember=True,
        allow_remote=allow_remote,
        graph_url=graph_of(data, graph),
    )
    stream = mixed(seed, deliveries, cases)
    report = _run(target_of(data, url, app_id), stream, options, deliveries)
    expected = expect(report.acknowledged_deliveries())
    _show(report.summary() | {"seed": seed, "expected": expected.summary()}, as_json=as_json)
    _finish(report)


@app.command()
def burst(  # noqa: PLR0913 - the options of a command
    *,
    duration: Annotated[float, typer.Option(min=0.1, help="Seconds to send for.")] = 10.0,
    deliveries: Annotated[
        int | None, typer.Option(min=1, help="Send so many instead of for a time.")
    ] = None,
    changes: Annotated[int, typer.Option(min=1, max=1000, help="Updates a delivery.")] = 1,
    field: Fields = None,
    seed: Seed = None,
    rate: Rate = None,
    concurrency: Concurrency = 64,
    data: Data = None,
    url: Url = None,
    graph: Graph = None,
    app_id: AppId = None,
    allow_remote: AllowRemote = False,
    as_json: AsJson = False,
) -> None:
    """Load: many new events as fast as they are taken; prints throughput and latencies."""
    from simulator.sender import SenderOptions
    from simulator.traffic import burst as endless
    from simulator.traffic import for_seconds

    seed = _seed(seed)
    stream = endless(seed, changes, tuple(field or ("comments",)))
    try:
        first = next(stream)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--field") from error
    chosen: Iterable[Delivery]
    if deliveries is None:
        chosen = for_seconds(stream, duration)
    elif deliveries * changes <= PREPARED_CHANGES:
        chosen = [first, *islice(stream, deliveries - 1)]
    else:
        chosen = islice(stream, deliveries)
    options = SenderOptions(
        concurrency=concurrency,
        rate_per_s=rate,
        allow_remote=allow_remote,
        graph_url=graph_of(data, graph),
    )
    report = _run(target_of(data, url, app_id), chosen, options, deliveries)
    _show(report.summary() | {"seed": seed, "changes_per_delivery": changes}, as_json=as_json)
    _finish(report)


@app.command()
def cases(
    *,
    as_json: AsJson = False,
    write: Annotated[
        Path | None, typer.Option(help="Write a sample body of each case into this folder.")
    ] = None,
) -> None:
    """List the kinds of deliveries that `send` draws from."""
    from simulator.cases import CASES
    from simulator.samples import write_samples

    if write is not None:
        count = write_samples(write)
        typer.echo(f"{count} samples written to {write}.", err=True)
    listed = [
        {"name": c.name, "group": c.group, "fields": list(c.fields), "summary": c.summary}
        for c in CASES
    ]
    if as_json:
        typer.echo(json.dumps(listed))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("case", "group", "fields", "what it is")
    for case in CASES:
        table.add_row(case.name, case.group, ", ".join(case.fields), case.summary)
    Console().print(table)


def _seed(seed: int | None) -> int:
    """The seed asked for, or a new one, which the summary tells."""
    if seed is not None:
        return seed
    import secrets

    return secrets.randbelow(2**31)


def _run(
    target: "Target", stream: "Iterable[Delivery]", options: "SenderOptions", total: int | None
) -> "Report":
    import uvloop

    from simulator.target import RemoteTargetError, require_local

    if not target.url.startswith(("http://", "https://")):
        fail(f"{target.url} is no address of a receiver: it must be http://host:port.", code=2)
    if not options.allow_remote:
        try:
            require_local(target.url)
            require_local(options.graph_url or target.url)
        except RemoteTargetError as error:
            fail(f"{error}: add --allow-remote to send there all the same.", code=2)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_send(target, stream, options, total))


async def _send(
    target: "Target", stream: "Iterable[Delivery]", options: "SenderOptions", total: int | None
) -> "Report":
    from rich.console import Console
    from rich.progress import Progress as Bar

    from simulator.report import Progress
    from simulator.sender import send as send_all

    await _require_reachable(target)
    on_terminal = sys.stderr.isatty()
    bar = Bar(console=Console(stderr=True), transient=True) if on_terminal else None
    with bar or nullcontext():
        if bar is None:
            return await send_all(target, stream, options)
        task = bar.add_task("sending", total=total)

        def show(now: Progress) -> None:
            done = now.acknowledged + now.refused + now.given_up
            waiting = f", {now.waiting} waiting to be sent again" if now.waiting else ""
            bar.update(
                task, completed=done, description=f"{now.acknowledged} acknowledged{waiting}"
            )

        return await send_all(target, stream, options, show)


async def _require_reachable(target: "Target") -> None:
    """Ends with code 3 when nothing listens: not every delivery needs 36 hours to find out."""
    host, port = target.address
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        fail(f"Nothing answers at {target.url}: start `hookline up`, or name it with --url.", 3)
    writer.close()


def _show(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(summary))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    parts = {"What was sent": {name: n for name, n in summary.items() if name != "expected"}}
    if "expected" in summary:
        parts["What must be stored of it"] = summary["expected"]
    for title, counts in parts.items():
        table = Table("", "", title=title, show_header=False)
        for name, count in counts.items():
            table.add_row(name.replace("_", " "), _cell(count))
        console.print(table)


def _cell(count: Any) -> str:
    if isinstance(count, dict):
        return "\n".join(f"{key}: {number}" for key, number in count.items()) or "-"
    return "-" if count is None else str(count)


def _finish(report: "Report") -> None:
    """Code 1 when a delivery did not meet the answer it should; 3 when nothing ever answered."""
    if report.complete:
        return
    if not report.answers:
        fail("Nothing was answered: the receiver went away.", code=3)
    raise typer.Exit(1)
