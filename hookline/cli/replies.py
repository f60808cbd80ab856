"""`hookline replies`: answers to mentions and comments, looked at, settled, and sent by hand."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hookline.cli import reply_rules
from hookline.cli.database import run_with
from hookline.cli.options import (
    Account,
    AsJson,
    Data,
    DryRun,
    Ids,
    Max,
    Since,
    Until,
    Yes,
    confirm,
    print_json,
    require_answer,
)
from hookline.cli.progress import say
from hookline.cli.reply_sending import send
from hookline.moments import require_order
from runtime.lifecycle import EXIT_NO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine

    from hookline.replies.judgement import Word
    from hookline.replies.row import Row
    from hookline.replies.selection import Counts
    from hookline.replies.settling import Case
    from hookline.replies.whole import Whole
    from schemas.settings import DatabaseSettings

VERB: Final = "replies"

LISTED: Final = 50
"""Answers listed when --max is not given."""

app = typer.Typer(
    no_args_is_help=True, help="Answers to mentions and comments: look, settle, send by hand."
)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Of an answer, as `list` tells it.")]


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
    """List answers, the newest first, without their texts: 50, unless --max says otherwise. Reads
    only.

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


@app.command()
def show(reply_key: Key, *, as_json: AsJson = False, data: Data = None) -> None:
    """Show all that is known of an answer, its text too, and what can be done. Reads only.

    Exit code 1 when there is none of this key.
    """
    from schemas.settings import DatabaseSettings

    async def main(engine: "AsyncEngine", _: "DatabaseSettings") -> "Whole | None":
        from hookline.replies.whole import read_whole

        return await read_whole(engine, reply_key)

    found = run_with(DatabaseSettings, VERB, data, main)
    if found is None:
        say(f"There is no answer {reply_key}. Known ones: hookline replies list")
        raise typer.Exit(EXIT_NO)
    if as_json:
        print_json(found.document())
    else:
        from hookline.replies.page import show_whole

        show_whole(found)


@app.command()
def settle(  # noqa: PLR0913 - the options of a command
    reply_keys: Annotated[
        list[str], typer.Argument(metavar="KEY…", help="Answers, as `list` tells them.")
    ],
    *,
    sent: Annotated[
        bool | None,
        typer.Option("--sent/--not-sent", help="How it ended, as you saw it on Instagram."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="With --not-sent: send it now.")] = False,
    reply_id: Annotated[
        str | None,
        typer.Option("--reply-id", metavar="ID", help="With --sent: Meta's id of the answer."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Say how answers ended of which nobody knows it, after a look on Instagram.

    --not-sent also strikes off what is planned, and --not-sent --again sends what failed. Exit
    code 1 when an answer stays as it is.
    """
    word = _word(sent, again=again)
    _require_reply_id(reply_id, word, reply_keys)
    if not dry_run:
        require_answer(yes=yes)
    from hookline.replies.page import show_cases
    from hookline.replies.settling import counts_of
    from schemas.settings import DatabaseSettings

    async def main(engine: "AsyncEngine", _: "DatabaseSettings") -> "tuple[list[Case], str | None]":
        from hookline.operations import recorded
        from hookline.replies.settling import answer_of, judged
        from hookline.replies.settling import settle as put_down

        other = await answer_of(engine, reply_id) if reply_id else None
        if other is not None:
            raise typer.BadParameter(f"--reply-id {reply_id}: that is {other}")
        cases = await judged(engine, reply_keys, word)
        meant = [case for case in cases if case.judgement.becomes]
        if dry_run or not meant:
            return cases, None
        confirm(_question(word, len(meant)), yes=yes)
        told = {"keys": reply_keys, "word": word, "reply_id": reply_id}
        async with recorded(engine, f"{VERB} settle", told) as operation:
            cases = [await put_down(engine, case, reply_id) for case in cases]
            operation.counts = counts_of(cases)
        return cases, operation.operation_id

    cases, operation_id = run_with(DatabaseSettings, VERB, data, main)
    counts = counts_of(cases)
    if as_json:
        told = [case.document() for case in cases]
        print_json({"dry_run": dry_run, "operation_id": operation_id, **counts, "replies": told})
    else:
        show_cases(cases, dry_run=dry_run, operation_id=operation_id)
    if counts["refused"]:
        raise typer.Exit(EXIT_NO)


def _word(sent: bool | None, *, again: bool) -> "Word":
    from hookline.replies.judgement import Word

    if sent is None:
        raise typer.BadParameter("needs --sent or --not-sent: how it ended")
    if sent and again:
        raise typer.BadParameter("--again goes with --not-sent")
    if sent:
        return Word.SENT
    return Word.AGAIN if again else Word.NOT_SENT


def _require_reply_id(reply_id: str | None, word: "Word", keys: "Sequence[str]") -> None:
    if reply_id is None:
        return
    if word != "sent" or len(set(keys)) != 1:
        raise typer.BadParameter("--reply-id goes with --sent and one KEY")
    if not reply_id.isascii() or not reply_id.isdecimal():
        raise typer.BadParameter("--reply-id: an id of Meta's has digits only")


def _question(word: "Word", count: int) -> str:
    answers = "1 answer" if count == 1 else f"{count} answers"
    return {
        "sent": f"Say that {answers} stand on Instagram?",
        "not_sent": f"Say that {answers} were not sent, and never will be?",
        "again": f"Say that {answers} were not sent, and send them now?",
    }[word]


app.command("send")(send)
app.add_typer(reply_rules.app, name="rules")
