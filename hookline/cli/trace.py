"""`hookline trace ID`: the whole life of an event."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from hookline.cli.database import database
from hookline.cli.options import AsJson, Data, print_json
from hookline.connection import use

if TYPE_CHECKING:
    from hookline.trace.life import Trace
    from schemas.settings import OperatorSettings

ShowContent = Annotated[
    bool,
    typer.Option("--show-content", help="Also what the rows hold: texts and names of people."),
]
MaxEvents = Annotated[int, typer.Option("--max", min=1, help="No more events than so many.")]


def trace(
    wanted_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="Of an event, comment, media, message or delivery."),
    ],
    *,
    show_content: ShowContent = False,
    max_events: MaxEvents = 20,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Print the life of an event: deliveries, verdicts, Kafka, dead letters, Graph calls, rows.

    Reads only. Exit code 1 when the id is stored nowhere.
    """
    use(data)
    from hookline.cli.progress import say  # noqa: PLC0415
    from hookline.trace.page import show  # noqa: PLC0415
    from runtime.configuration import load  # noqa: PLC0415
    from schemas.settings import OperatorSettings  # noqa: PLC0415

    settings = load(OperatorSettings)
    found = asyncio.run(
        _trace(settings, wanted_id, max_events=max_events, show_content=show_content)
    )
    if as_json:
        print_json(found)
    elif found.deliveries or found.events or found.dead_letters:
        show(found)
    if not (found.deliveries or found.events or found.dead_letters):
        say(f"Nothing is stored under this id. Searched: {', '.join(found.searched)}.")
        raise typer.Exit(1)


async def _trace(
    settings: "OperatorSettings", wanted_id: str, *, max_events: int, show_content: bool
) -> "Trace":
    from hookline.trace.run import trace as run_trace  # noqa: PLC0415

    async with database(settings, "trace") as engine:
        return await run_trace(
            engine, settings, wanted_id, max_events=max_events, show_content=show_content
        )
