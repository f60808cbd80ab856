"""`hookline enrichment`: what waits to be read from the Graph API."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

from typing import TYPE_CHECKING

import typer

from hookline.cli.database import run_with
from hookline.cli.options import AsJson, Data, print_json

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hookline.enrichment.standing import Standing
    from schemas.settings import DatabaseSettings

app = typer.Typer(no_args_is_help=True, help="What the Graph API is still to be asked for.")


@app.callback()
def enrichment() -> None:
    """Keeps `status` a verb of its own while it is the only one."""


@app.command("status")
def status(*, as_json: AsJson = False, data: Data = None) -> None:
    """Show what waits, for which accounts, and when it will be done. Reads only."""
    from hookline.enrichment.page import document, show
    from schemas.settings import DatabaseSettings

    found = run_with(DatabaseSettings, "enrichment", data, _standings)

    if as_json:
        print_json(document(found))
    else:
        show(found)


async def _standings(engine: "AsyncEngine", _: "DatabaseSettings") -> "list[Standing]":
    from hookline.enrichment.standing import standings

    return await standings(engine)
