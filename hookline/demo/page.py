"""What a person sees at the end of a demonstration. Owns wording and layout, no numbers."""

from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from hookline.demo.enrichment import Enrichment
from hookline.demo.outcome import Outcome
from schemas.enriched import ANSWERED
from simulator.expected import Expected
from simulator.report import Report

MAX_TEXT: Final = 60
"""Letters. Tables shorten further what their columns have no room for."""

SITE: Final = "https://www.instagram.com"

READ_BY: Final = {
    "comments": ("comment",),
    "mentions": ("mentioned_comment", "mentioned_media"),
    "media": ("media",),
}
"""Endpoints of the Graph API, by what they tell about."""


def show(
    console: Console, report: Report, expected: Expected, outcome: Outcome, enrichment: Enrichment
) -> None:
    """Prints the tables."""
    console.print()
    for part in (
        _deliveries(report, expected, outcome),
        _conservation(outcome),
        _duplicates(outcome),
        _comments(outcome),
        _boosted(outcome),
        _enrichment(enrichment),
        _mentions(outcome),
        _read(outcome),
        _stories(outcome),
        _rest(outcome),
    ):
        console.print(part)
        console.print()


def titled(title: str, note: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Group:
    """A table that has one line for each row, however narrow the terminal: texts give way."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column, values in zip(columns, zip(*rows, strict=True), strict=False):
        numeric = all(value is None or isinstance(value, int) for value in values)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*map(_cell, row))
    parts: list[RenderableType] = [Text(title, style="bold cyan")]
    if note:
        parts.append(Text(note, style="dim"))
    return Group(*parts, table)


def _cell(value: Any) -> Text:
    if value is None:
        return Text("–", style="dim")
    if isinstance(value, int):
        return Text(f"{value:,}")
    return Text(str(value), no_wrap=True, overflow="ellipsis")


def printable(text: str | None) -> str | None:
    """A person's text for a terminal: short, and without what would move the cursor."""
    if text is None:
        return None
    plain = "".join(letter if letter.isprintable() else "·" for letter in text)
    return plain if len(plain) <= MAX_TEXT else plain[: MAX_TEXT - 1] + "…"


def _deliveries(report: Report, expected: Expected, outcome: Outcome) -> Group:
    archived = sum((report.acknowledged_set() & outcome.bodies).values())
    summary = report.summary()
    return titled(
        "What Meta sent",
        "",
        ("", "deliveries"),
        [
            ("sent to ingest", summary["sent"]),
            ("refused: unsigned, wrongly signed, or encoded", summary["refused"]),
            ("acknowledged with 200", summary["acknowledged"]),
            ("  of these in the archive, byte for byte", archived),
            ("  of these unreadable: kept, and a dead letter each", expected.unreadable),
        ],
    )


def _conservation(outcome: Outcome) -> Group:
    rows = [
        (row.field, row.received, row.stored, row.repeats, row.dead, row.in_flight)
        for row in outcome.conservation
    ]
    columns = ("received", "stored", "repeats", "dead", "in_flight")
    return titled(
        "What became of every change",
        "analytics.conservation: received = stored + repeats + dead letters + in flight",
        ("field", "received", "stored", "repeats", "dead letters", "in flight"),
        [*rows, ("all", *(outcome.total(column) for column in columns))],
    )


def _duplicates(outcome: Outcome) -> Group:
    return titled(
        "Recognised as duplicates",
        "analytics.duplicates",
        ("kind", "changes", "what happened"),
        [
            (
                "repeat",
                outcome.duplicates.get("repeat", 0),
                "same content again, as in Meta's retries: counted",
            ),
            (
                "amendment",
                outcome.duplicates.get("amendment", 0),
                "other attributes, as on boosted posts: merged",
            ),
        ],
    )


def _comments(outcome: Outcome) -> Group:
    return titled(
        "Comments: ads against organic",
        "analytics.comments",
        ("seen on", "comments", "posts", "people", "replies", "our own", "live"),
        [tuple(row) for row in outcome.comments],
    )


def _boosted(outcome: Outcome) -> Group:
    return titled(
        "Comments told twice because the post is boosted, each one row",
        "they arrive in any order; what either of them knows is kept",
        ("text", "original post", "ad", "ad title"),
        [
            (printable(row.text), row.original_media_id, row.ad_id, printable(row.ad_title))
            for row in outcome.boosted
        ],
    )


def _stories(outcome: Outcome) -> Group:
    return titled(
        "Stories, an hour after they expired",
        "analytics.stories: – is a count below five, which Meta suppresses, or not told",
        ("story", "type", "impressions", "reach", "replies", "exits", "suppressed"),
        [tuple(row) for row in outcome.stories],
    )


def _enrichment(enrichment: Enrichment) -> Group:
    asked = enrichment.asked
    rows = [
        (
            kind,
            enrichment.count(kind, *ANSWERED),
            enrichment.count(kind, "pending", "parked"),
            enrichment.count(kind, "unreadable", "skipped"),
            enrichment.calls(*endpoints),
        )
        for kind, endpoints in READ_BY.items()
    ]
    calls = asked.endpoints.total()
    others = calls - sum(called for *_, called in rows)
    again = enrichment.asked_again() or "none"
    reasons = [f"{count} × {reason}" for reason, count in enrichment.reasons().most_common()]
    note = (
        f"{calls:,} calls in {asked.requests:,} requests; "
        f"comments, mentions and media asked for twice: {again}"
    )
    if reasons:
        note += f"\n{', '.join(reasons)}, on ads mostly; looked for again for a day"
    return titled(
        "What the Graph API told",
        note,
        ("", "done", "pending", "unreadable", "calls"),
        [*rows, ("accounts and tokens", None, None, None, others)],
    )


def _mentions(outcome: Outcome) -> Group:
    return titled(
        "Mentions: a webhook tells two ids, the rest was read",
        "analytics.mentions",
        ("in a", "by", "text", "when", "likes"),
        [
            (row.kind, printable(row.username), printable(row.text), _when(row), row.like_count)
            for row in outcome.mentions
        ],
    )


def _when(row: Any) -> str | None:
    return row.mentioned_at and f"{row.mentioned_at:%d %b %H:%M}"


def _read(outcome: Outcome) -> Group:
    return titled(
        "Comments, with what was read about them",
        "analytics.comments",
        ("text", "by", "likes", "album", "permalink"),
        [
            (
                printable(row.text),
                printable(row.from_username),
                row.like_count,
                row.album_id,
                row.permalink and row.permalink.removeprefix(SITE),
            )
            for row in outcome.read
        ],
    )


def _rest(outcome: Outcome) -> Group:
    other = [(f"other: {kind}", count) for kind, count in outcome.other.items()]
    dead = [(f"dead letters: {reason}", n) for reason, n in outcome.dead_letters.items()]
    return titled("And the rest", "", ("", "rows"), [*other, *dead])
