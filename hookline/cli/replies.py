"""`hookline replies`: answers to mentions and comments, looked at, settled, and sent by hand."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hookline.cli.database import run_with
from hookline.cli.options import Account, AsJson, Data, Ids, Max, Since, Until, print_json
from hookline.moments import require_order

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hookline.replies.row import Row
    from hookline.replies.selection import Counts
    from schemas.settings import DatabaseSettings

VERB: Final = "replies"

LISTED: Final = 50
"""Answers listed when --max is not given."""

app = typer.Typer(
    no_args_is_help=True, help="Answers to mentions and comments: look, settle, send by hand."
)


class State(StrEnum):
    """What an answer can be."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


@app.command("list")
def list_(  # noqa: PLR0913 - the options of a command
    *,
    ids: Ids = None,
    state: Annotated[
        list[State] | None, typer.Option("--state", help="Only in this state; repeatable.")
    ] = None,
    account: Account = None,
    rule: Annotated[
        str | None, typer.Option("--rule", help="Only of this rule; `manual`: by hand.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only with this reason.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Max = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List answers, the newest first, without their texts. Reads only.

    --id takes an answer's key, Meta's id of it, or that of the event or comment it answers.
    """
    from hookline.replies.filters import Filters
    from schemas.settings import DatabaseSettings

    try:
        require_order(since, until)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    filters = Filters(
        ids=tuple(ids or ()),
        states=tuple(state or ()),
        account=account,
        rule=rule,
        reason=reason,
        since=since,
        until=until,
    )

    async def main(engine: "AsyncEngine", _: "DatabaseSettings") -> "tuple[list[Row], Counts]":
        from hookline.replies.selection import listed

        return await listed(engine, filters, limit or LISTED)

    rows, counts = run_with(DatabaseSettings, VERB, data, main)
    if as_json:
        print_json(
            {
                "replies": [row.document() for row in rows],
                "more": counts.total > len(rows),
                "counts": counts._asdict(),
            }
        )
    else:
        from hookline.replies.page import show_list

        show_list(rows, counts)
