"""Answers for people. Owns the words and the layout."""

from collections.abc import Sequence
from datetime import UTC
from typing import Final

from rich.console import Console
from rich.text import Text

from hookline.console import page
from hookline.replies.row import Row
from hookline.replies.selection import Counts
from workers.reply.reply import Kind, State

STYLES: Final[dict[State, str]] = {
    "planned": "yellow",
    "sending": "yellow",
    "sent": "green",
    "failed": "red",
    "unknown": "bold red",
}

ANSWERED: Final[dict[Kind, str]] = {
    "comment": "comment",
    "comment_mention": "mention",
    "caption_mention": "caption",
}
"""What is answered, in one word: a comment of ours, a mention in a comment, one in a caption."""

_RULE_WIDTH: Final = 14
"""Of 80 columns these remain for a rule, beside the longest reason that there is."""


def show_list(rows: Sequence[Row], counts: Counts) -> None:
    """Two lines an answer: how it stands, and its key. Then the numbers of all of them."""
    console = page()
    if rows:
        head = ("planned at, UTC", "state", "of a", "rule")
        _line(
            console, f"{head[0]:16}  {head[1]:7}  {head[2]:7}  {head[3]:{_RULE_WIDTH}}  why", "bold"
        )
    for row in rows:
        console.print(_head(row), soft_wrap=True)
        _line(console, f"  {row.reply_key}", "dim")
    if counts.total > len(rows):
        _line(console, f"… and {counts.total - len(rows):,} more: --max shows more of them.")
    _line(console, _numbers(counts))
    if counts.wait_for_a_person:
        _line(
            console,
            f"{counts.wait_for_a_person:,} of the unknown wait for a person: "
            "hookline replies show KEY",
            "bold red",
        )


def _head(row: Row) -> Text:
    state = "dry run" if row.dry_run and row.state == "planned" else row.state
    line = Text(f"{row.created_at.astimezone(UTC):%Y-%m-%d %H:%M}  ")
    line.append(f"{state:7}", style="dim" if row.dry_run else STYLES[row.state])
    rule = plain(row.rule)
    rule = rule if len(rule) <= _RULE_WIDTH else f"{rule[: _RULE_WIDTH - 1]}…"
    line.append(f"  {ANSWERED[row.kind]:7}  {rule:{_RULE_WIDTH}}  {row.reason or ''}".rstrip())
    return line


def _numbers(counts: Counts) -> str:
    if not counts.total:
        return "No answers."
    told = [f"{getattr(counts, state):,} {state}" for state in STYLES if getattr(counts, state)]
    if counts.dry_runs:
        told[0] += f" ({counts.dry_runs:,} of them dry runs)"
    return f"{counts.total:,} answers: {', '.join(told)}."


def _line(console: Console, line: str, style: str = "") -> None:
    console.print(Text(plain(line)), style=style, soft_wrap=True)


def plain(text: str) -> str:
    """Without what would move the cursor."""
    return "".join(letter if letter.isprintable() else "·" for letter in text)
