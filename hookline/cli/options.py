"""Options that verbs share (design B8), and how they ask before they change something."""

import json
import sys
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from hookline.moments import parse_moment
from schemas.fields import FIELDS


def moment_of(text: str) -> datetime:
    """The moment that an option's words mean."""
    try:
        return parse_moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _field(text: str) -> str:
    if text not in FIELDS:
        raise typer.BadParameter(f"one of {', '.join(FIELDS)}")
    return text


Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of a running `hookline up`, instead of the environment."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; needed where nobody can answer.")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="Only this id; repeatable.")]
FieldOption = Annotated[
    str | None, typer.Option("--field", parser=_field, help="Only this field's.", metavar="FIELD")
]
Account = Annotated[str | None, typer.Option("--account", help="Only this account's.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since", parser=moment_of, metavar="TIME", help="From then on: RFC 3339, or 2h, 3d ago."
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option("--until", parser=moment_of, metavar="TIME", help="Before that: as --since."),
]
Max = Annotated[int | None, typer.Option("--max", min=1, help="No more than so many.")]


def print_json(document: Any) -> None:
    """The one JSON document of `--json`."""
    print(json_text(document))


def json_text(document: Any) -> str:
    """A document as JSON; dataclasses by their fields, times in RFC 3339."""
    return json.dumps(document, indent=2, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return str(value)


def confirm(question: str, *, yes: bool) -> None:
    """Returns when the operator agrees. Asks on a terminal; elsewhere `--yes` has to be given.

    Raises:
        typer.Abort: the operator does not.
        typer.BadParameter: there is nobody to ask.
    """
    require_answer(yes=yes)
    if not yes:
        typer.confirm(question, abort=True, err=True)


def require_answer(*, yes: bool) -> None:
    """Returns when the operator has agreed already, or can be asked.

    Raises:
        typer.BadParameter: there is nobody to ask.
    """
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("needs --yes where there is no terminal to ask on")


def offer(question: str, *, yes: bool) -> None:
    """As `confirm`, where doing it does no harm: elsewhere than on a terminal it goes on.

    Raises:
        typer.Abort: the operator does not agree.
    """
    if sys.stdin.isatty():
        confirm(question, yes=yes)
