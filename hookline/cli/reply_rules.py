"""`hookline replies rules`: what a file of rules does, before it does it."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hookline.cli.database import run_with
from hookline.cli.options import Account, AsJson, Data, Max, Since, Until, print_json
from hookline.cli.progress import say
from hookline.moments import require_order
from runtime.lifecycle import EXIT_NO

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hookline.replies.rules_samples import Sample
    from hookline.replies.rules_stored import Wanted
    from schemas.settings import DatabaseSettings
    from workers.reply.rules.rule import Rule

VERB: Final = "replies rules"

STDIN: Final = "-"

app = typer.Typer(no_args_is_help=True, help="The rules of answers.")


@app.callback()
def rules() -> None:
    """Keeps `check` a verb of its own while it is the only one."""


@app.command("check")
def check(  # noqa: PLR0913 - the options of a command
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
    *,
    sample: Annotated[
        str | None,
        typer.Option(
            "--sample",
            metavar="FILE|-",
            help="Holds texts, one a line, to ask the rules about; - is standard input.",
        ),
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            metavar="ID",
            help="Ask about a stored mention or comment, by any id that `trace` takes; repeatable.",
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    account: Account = None,
    limit: Max = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Explain each rule of a file, and which rule answers what, with what, and why others do not.

    Changes nothing, sends nothing. Asked about are events that it invents; or the lines of
    a --sample; or stored mentions and comments, by --event, or the latest since --since (100, or
    --max), of which it shows what people wrote.

    A line of a sample is a text, or JSON with any of on, text, username, account, at.

    Exit code 1 when the file has problems; all of them are told.
    """
    from hookline.replies.rules_check import ask, explain
    from hookline.replies.rules_page import document, show
    from hookline.replies.rules_samples import invented

    wanted = _wanted(event or [], since, until, account, limit)
    if data is not None and wanted is None:
        raise typer.BadParameter("--data goes with --event, --since or --until")
    now = datetime.now(UTC)
    rules_ = _rules(file, as_json=as_json)
    samples = _samples(sample, rules_, now, account) if sample else []
    samples += _stored(wanted, data) if wanted else []
    own = ask(rules_, invented(rules_, now, account))
    findings = ask(rules_, samples) if sample or wanted else own
    explained = explain(rules_, own, now)
    if as_json:
        print_json(document(str(file), [], explained, findings))
    else:
        show(explained, findings)


def _wanted(
    ids: list[str],
    since: datetime | None,
    until: datetime | None,
    account: str | None,
    limit: int | None,
) -> "Wanted | None":
    """The stored events that are asked about; None when none are."""
    from hookline.replies.rules_stored import LIMIT, Wanted

    try:
        require_order(since, until)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not ids and since is None and until is None:
        return None
    return Wanted(ids, since, until, account, limit or LIMIT)


def _rules(file: Path, *, as_json: bool) -> "list[Rule]":
    """The rules of a file. Ends the verb when it has problems, with all of them."""
    from hookline.replies.rules_page import document
    from workers.reply.rules.rules_file import RulesError, read_rules

    try:
        return read_rules(_read(file))
    except RulesError as error:
        problems = [str(one) for one in error.problems]
    if as_json:
        print_json(document(str(file), problems, [], []))
    for problem in problems:
        say(f"{file}: {problem}")
    raise typer.Exit(EXIT_NO)


def _samples(
    source: str, rules_: "list[Rule]", now: datetime, account: str | None
) -> "list[Sample]":
    from hookline.replies.rules_samples import SampleError, written

    content = sys.stdin.buffer.read() if source == STDIN else _read(Path(source))
    try:
        return list(written(content.decode("utf-8-sig"), rules_, now, account))
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"--sample {source}: it is not written in UTF-8") from error
    except SampleError as error:
        raise typer.BadParameter(f"--sample {source}: {error}") from error


def _stored(wanted: "Wanted", data: Path | None) -> "list[Sample]":
    from hookline.replies.rules_stored import stored
    from schemas.settings import DatabaseSettings

    async def main(engine: "AsyncEngine", _: "DatabaseSettings") -> "list[Sample]":
        return await stored(engine, wanted)

    return run_with(DatabaseSettings, VERB, data, main)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from error
