"""Answers for people. Owns the words and the layout."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from hookline.console import page
from hookline.moments import shown
from hookline.replies.prospect import Prospect
from hookline.replies.reasons import meaning
from hookline.replies.row import Row
from hookline.replies.selection import Counts
from hookline.replies.settling import Case
from hookline.replies.whole import Whole
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

_ANSWERS: Final[dict[Kind, str]] = {
    "comment": "comment on media of ours",
    "comment_mention": "mention in a comment",
    "caption_mention": "mention in a caption",
}

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


def show_whole(whole: Whole) -> None:
    """Everything, the texts too; what happens next, and what to do."""
    console = page()
    row, answered = whole.row, whole.answered
    state = f"{row.state}{', a dry run' if row.dry_run else ''}"
    about = " ".join(filter(None, (row.reason, meaning(row.reason))))
    account = " @".join(filter(None, (row.account_id, whole.about.username)))
    for name, value in (
        ("answer", row.reply_key),
        ("account", account),
        ("event", row.event_id),
        ("rule", row.rule),
        ("answers a", _ANSWERS[row.kind]),
        ("media", row.media_id),
        ("comment", row.comment_id),
        ("link", answered and answered.permalink),
        ("by", answered and answered.username),
        ("what they wrote", answered and answered.text),
        ("text", whole.message),
        ("state", state),
        ("why", about),
        ("Meta's id of it", row.reply_id),
        ("begun", f"{row.attempts}×"),
        *((name, when and shown(when)) for name, when in _times(row)),
        *(("by a person", _operation(one)) for one in whole.operations),
    ):
        if value:
            console.print(Text.assemble((f"{name:16}", "dim"), plain(value)), soft_wrap=True)
    _show_prospect(console, whole.prospect)


def _times(row: Row) -> list[tuple[str, datetime | None]]:
    due = {"planned": "due", "unknown": "looked for"}.get(row.state)
    return [
        ("asked", row.asked_at),
        ("planned", row.created_at),
        *([(due, row.due_at)] if due else []),
        ("begun at", row.sending_at),
        ("lease until", row.leased_until),
        ("looked for last", row.looked_at),
        ("settled", row.settled_at),
    ]


def _operation(one: Mapping[str, Any]) -> str:
    word = f": {one['word']}" if one["word"] else ""
    return f"{one['actor']}, {one['verb']}{word}, {shown(one['started_at'])}, {one['operation_id']}"


def _show_prospect(console: Console, found: Prospect) -> None:
    _line(console, f"Next: {found.next}", "bold")
    if found.to_do:
        _line(console, f"To do: {found.to_do}")


def show_cases(cases: Sequence[Case], *, dry_run: bool, operation_id: str | None) -> None:
    """What became of each answer that a person spoke of, or would."""
    console = page()
    for case in cases:
        becomes, refusal = case.judgement
        if refusal is not None:
            _line(console, f"{case.reply_key} {refusal}.", "yellow")
        else:
            now = "would be" if dry_run else "is now"
            _line(console, f"{case.reply_key} {now} {becomes}.")
    if operation_id is not None:
        _line(console, f"Recorded as operation {operation_id}.", "dim")


def show_ordered(row: Row, found: Prospect) -> None:
    """How an answer that a person ordered stands."""
    console = page()
    told = f" as comment {row.reply_id}" if row.reply_id else ""
    why = f": {meaning(row.reason) or row.reason}" if row.reason else ""
    console.print(
        Text.assemble(plain(row.reply_key), " is ", (row.state, STYLES[row.state]), f"{told}{why}"),
        soft_wrap=True,
    )
    if row.state != "sent":
        _show_prospect(console, found)


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
    answers = "1 answer" if counts.total == 1 else f"{counts.total:,} answers"
    return f"{answers}: {', '.join(told)}."


def _line(console: Console, line: str, style: str = "") -> None:
    console.print(Text(plain(line)), style=style, soft_wrap=True)


def plain(text: str) -> str:
    """Without what would move the cursor."""
    return "".join(letter if letter.isprintable() else "·" for letter in text)
