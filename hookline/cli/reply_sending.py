"""`hookline replies send`: one mention or comment is answered by hand."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import sys
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from hookline.cli.database import run_with
from hookline.cli.options import AsJson, Data, DryRun, Yes, confirm, print_json, require_answer
from hookline.cli.progress import say
from runtime.lifecycle import EXIT_NO

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hookline.replies.order import Plan
    from hookline.replies.ordering import Found
    from hookline.replies.target import Target
    from hookline.replies.whole import Whole
    from schemas.settings import DatabaseSettings

VERB: Final = "replies send"

WAIT_S: Final = 60.0

MAX_BYTES: Final = 65_536
"""Read of a message at most; far more than Instagram takes."""

EventId = Annotated[
    str | None, typer.Argument(metavar="EVENT", help="What to answer, as `trace` tells it.")
]
MessageFile = Annotated[
    str | None,
    typer.Option(
        "--message-file",
        metavar="FILE|-",
        help="Holds the answer; - is standard input. Asked for when not given.",
    ),
]


class Ordered(NamedTuple):
    """What became of an order: how its answer stands, unless it was a dry run."""

    course: str
    reply_key: str | None
    written: int = 0
    operation_id: str | None = None
    whole: "Whole | None" = None

    @property
    def state(self) -> str | None:
        """Of the answer; None when nothing was done."""
        return self.whole.row.state if self.whole else None


def send(  # noqa: PLR0913 - the options of a command
    event_id: EventId = None,
    *,
    account: Annotated[
        str | None, typer.Option("--account", metavar="IG_ID", help="Who answers.")
    ] = None,
    media: Annotated[
        str | None,
        typer.Option("--media", metavar="ID", help="Where the account is mentioned."),
    ] = None,
    comment: Annotated[
        str | None,
        typer.Option(
            "--comment",
            metavar="ID",
            help="The comment to answer; without --media one on media of the account's own.",
        ),
    ] = None,
    message_file: MessageFile = None,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for how it ends.")
    ] = WAIT_S,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait: the answer is planned, and that is all.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Answer a mention or a comment by hand, through the outbox, from which a worker sends it.

    Give EVENT, or --account with --media, --comment or both. The same text for the same event is
    the same order, and may be repeated. Exit code 1 when it is refused, or not sent in time.
    """
    target = _target(event_id, account, media, comment)
    if message_file is None and not sys.stdin.isatty():
        raise typer.BadParameter("needs --message-file FILE, or - for standard input")
    if not dry_run:
        require_answer(yes=yes)
    message = None if message_file is None else _message(_read(message_file))
    from schemas.settings import DatabaseSettings

    async def main(engine: "AsyncEngine", _: "DatabaseSettings") -> Ordered:
        from hookline.replies.order import plan, warnings
        from hookline.replies.ordering import look_up

        found = await look_up(engine, target)
        for warning in warnings(found.answered, found.earlier, found.about):
            say(warning)
        text = message or _message(str(typer.prompt("Answer", err=True)))
        planned = plan(found.earlier, text)
        if dry_run:
            return Ordered(planned.course, planned.reply_key)
        if planned.course in ("new", "again"):
            confirm(_question(found), yes=yes)
        return await _ordered(engine, found, planned, text, 0.0 if no_wait else wait_s)

    ordered = run_with(DatabaseSettings, "replies", data, main)
    _tell(ordered, as_json=as_json)
    underway = no_wait and ordered.state in ("planned", "sending")
    if ordered.state not in (None, "sent") and not underway:
        raise typer.Exit(EXIT_NO)


async def _ordered(
    engine: "AsyncEngine", found: "Found", plan: "Plan", message: str, wait_s: float
) -> Ordered:
    from hookline.operations import recorded
    from hookline.replies.ordering import ended, put
    from hookline.replies.whole import read_whole

    reply_key, written, operation_id = plan.reply_key, 0, None
    if plan.course in ("new", "again"):
        async with recorded(engine, VERB, {"event": found.target.event_id}) as operation:
            reply_key, is_planned = await put(engine, found, plan, message)
            written = int(is_planned)
            operation.count("written", written)
            operation.checkpoint = {"reply_key": reply_key}
        operation_id = operation.operation_id
    assert reply_key is not None  # noqa: S101  # what was planned has one
    say(_BEFORE[plan.course].format(reply_key))
    if plan.course in ("new", "again", "underway") and not found.about.has_worker:
        say("No worker `reply` is connected to the database: it is sent when one runs.")
    await ended(engine, reply_key, wait_s)
    whole = await read_whole(engine, reply_key)
    return Ordered(plan.course, reply_key, written, operation_id, whole)


_BEFORE: Final = {
    "new": "Planned as {}.",
    "again": "It was not sent before, and is planned again: {}.",
    "underway": "This very answer is on its way already: {}.",
    "done": "This very answer was sent already: {}.",
    "unknown": "Of this very answer nobody knows whether it was sent: {}.",
}

_DRY: Final = {
    "new": "A new answer would be planned.",
    "again": "It was not sent before, and would be planned again: {}.",
}


def _tell(ordered: Ordered, *, as_json: bool) -> None:
    whole = ordered.whole
    if as_json:
        document = {"dry_run": whole is None, **ordered._asdict()}
        del document["whole"]
        row = whole and {**whole.row.document(), **whole.prospect._asdict()}
        print_json({**document, "reply": row})
    elif whole is None:
        words = _DRY.get(ordered.course) or _BEFORE[ordered.course]
        print(words.format(ordered.reply_key))
    else:
        from hookline.replies.page import show_ordered

        show_ordered(whole.row, whole.prospect)


def _target(
    event_id: str | None, account: str | None, media: str | None, comment: str | None
) -> "Target":
    from hookline.replies.target import FORM, target_of_event, target_of_ids

    is_named = bool(account and (media or comment))
    if (event_id is None) != is_named or (event_id and (account or media or comment)):
        raise typer.BadParameter(f"what is to be answered? Either EVENT: {FORM}")
    try:
        if event_id is not None:
            return target_of_event(event_id)
        return target_of_ids(account or "", media, comment)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _read(file: str) -> str:
    """What a file or standard input holds, up to more than Instagram takes."""
    if file == "-":
        content = sys.stdin.buffer.read(MAX_BYTES)
    else:
        with open(file, "rb") as opened:  # noqa: PTH123
            content = opened.read(MAX_BYTES)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise typer.BadParameter("--message-file: that is no text in UTF-8") from error


def _message(given: str) -> str:
    from hookline.replies.order import message_of

    try:
        return message_of(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _question(found: "Found") -> str:
    target, name = found.target, found.about.username
    who = f"@{name}" if name else f"account {target.account_id}"
    return f"Answer {target.event_id} as {who}, for everybody to see?"
