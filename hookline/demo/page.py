"""What a person sees at the end of a demonstration. Owns wording and layout, no numbers."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from hookline.demo.outcome import Outcome
from simulator.expected import Expected
from simulator.graph.statistics import Statistics
from simulator.report import Report

MAX_TEXT: Final = 24


def show(
    console: Console, report: Report, expected: Expected, outcome: Outcome, asked: Statistics
) -> None:
    """Prints the tables."""
    console.print()
    for part in (
        _deliveries(report, expected, outcome),
        _conservation(outcome),
        _duplicates(outcome),
        _comments(outcome),
        _boosted(outcome),
        _enrichment(outcome, asked),
        _mentions(outcome),
        _read(outcome),
        _stories(outcome),
        _rest(outcome),
    ):
        console.print(part)
        console.print()


def _table(title: str, note: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Group:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    content = [[_cell(value) for value in values] for values in rows]
    for column, cells in zip(columns, zip(*content, strict=True), strict=False):
        numeric = any(cell.justify == "right" for cell in cells)
        # Numbers keep their width; texts give way.
        width = max(len(column), *(cell.cell_len for cell in cells)) if numeric else None
        table.add_column(column, min_width=width)
        for cell in cells:
            cell.justify = "right" if numeric else "left"
        if numeric:
            table.columns[-1].justify = "right"
    for row in content:
        table.add_row(*row)
    parts: list[RenderableType] = [Text(title, style="bold cyan")]
    if note:
        parts.append(Text(note, style="dim"))
    return Group(*parts, table)


def _cell(value: Any) -> Text:
    if value is None:
        return Text("–", style="dim")
    if isinstance(value, int):
        return Text(f"{value:,}", justify="right")
    if isinstance(value, list):
        return Text(", ".join(value) or "–", style="yellow" if value else "dim")
    return Text(str(value))


def printable(text: str | None) -> str | None:
    """A person's text for a terminal: short, and without what would move the cursor."""
    if text is None:
        return None
    plain = "".join(letter if letter.isprintable() else "·" for letter in text)
    return plain if len(plain) <= MAX_TEXT else plain[: MAX_TEXT - 1] + "…"


def _deliveries(report: Report, expected: Expected, outcome: Outcome) -> Group:
    archived = sum((report.acknowledged_set() & outcome.bodies).values())
    summary = report.summary()
    return _table(
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
    return _table(
        "What became of every change",
        "analytics.conservation: received = stored + repeats + dead letters + in flight",
        ("field", "received", "stored", "repeats", "dead letters", "in flight"),
        [*rows, ("all", *(outcome.total(column) for column in columns))],
    )


def _duplicates(outcome: Outcome) -> Group:
    return _table(
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
    return _table(
        "Comments: ads against organic",
        "analytics.comments",
        ("seen on", "comments", "posts", "people", "replies", "our own", "live"),
        [tuple(row) for row in outcome.comments],
    )


def _boosted(outcome: Outcome) -> Group:
    return _table(
        "Comments told twice because the post is boosted, each one row",
        "they arrive in any order; what either of them knows is kept",
        ("text", "original post", "ad", "ad title"),
        [
            (printable(row.text), row.original_media_id, row.ad_id, printable(row.ad_title))
            for row in outcome.boosted
        ],
    )


def _stories(outcome: Outcome) -> Group:
    return _table(
        "Stories, an hour after they expired",
        "analytics.stories: – is a count below five, which Meta suppresses, or not told",
        ("story", "impressions", "reach", "replies", "exits", "suppressed"),
        [tuple(row) for row in outcome.stories],
    )


def _enrichment(outcome: Outcome, asked: Statistics) -> Group:
    calls = asked.endpoints.total()
    return _table(
        "What the Graph API told",
        f"{calls:,} reads in {asked.requests:,} requests; each comment, mention and post once",
        ("", "rows", "enrichment", "because"),
        [(kind, count, status, reason) for kind, status, reason, count in outcome.enrichment],
    )


def _mentions(outcome: Outcome) -> Group:
    return _table(
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
    return _table(
        "Comments, with what was read about them",
        "analytics.comments",
        ("text", "by", "likes", "album", "permalink"),
        [
            (
                printable(row.text),
                printable(row.from_username),
                row.like_count,
                row.album_id,
                row.permalink and row.permalink.removeprefix("https://www.instagram.com"),
            )
            for row in outcome.read
        ],
    )


def _rest(outcome: Outcome) -> Group:
    other = [(f"other: {kind}", count) for kind, count in outcome.other.items()]
    dead = [(f"dead letters: {reason}", n) for reason, n in outcome.dead_letters.items()]
    return _table("And the rest", "", ("", "rows"), [*other, *dead])
