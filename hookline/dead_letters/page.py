"""Dead letters for people. Owns the words and the layout."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from hookline.dead_letters.breaker import OpenBreaker
from hookline.dead_letters.letter import Letter
from hookline.dead_letters.plan import REFUSALS
from hookline.dead_letters.statistics import Cause
from hookline.dead_letters.whole import Whole
from hookline.moments import shown
from schemas.dead_letters import State, explain

STYLES: Final = {
    State.PARKED: "bold red",
    State.REDRIVEN: "yellow",
    State.RESOLVED: "green",
    State.DISCARDED: "dim",
}


def show_list(letters: Sequence[Letter], *, more: bool) -> None:
    """Two lines a letter."""
    console = _console()
    for letter in letters:
        _line(console, _head(letter))
        _line(console, _place(letter), "dim")
    if more:
        _line(console, "… and more: --max shows more of them.")
    if not letters:
        _line(console, "No dead letters.")


def show_statistics(causes: Sequence[Cause], breakers: Iterable[OpenBreaker]) -> None:
    """A paragraph a cause; then the stages that stand still."""
    console = _console()
    for cause in causes:
        means, repair = explain(cause.reason)
        _line(console, f"{cause.stage}: {cause.reason} ({cause.detail})", "bold")
        numbers = [f"{cause.states[state]} {state}" for state in State if cause.states[state]]
        again = f", {cause.failed_again} of them failed again" if cause.failed_again else ""
        _line(console, f"  {', '.join(numbers)}{again}; given up {cause.attempts}× at most")
        _line(console, f"  {means}")
        _line(console, f"  To do: {repair}")
        _line(
            console,
            f"  fingerprint {cause.fingerprint}, {shown(cause.first_failed_at)} to "
            f"{shown(cause.last_failed_at)}, {', '.join(sorted(cause.fields)) or 'no field'}, "
            f"version {', '.join(sorted(cause.versions))}, such as {cause.example_id}",
            "dim",
        )
        console.print()
    if not causes:
        _line(console, "No dead letters.")
    for breaker in breakers:
        _line(
            console,
            f"{breaker.stage} consumes nothing since {shown(breaker.opened_at)}: "
            f"{breaker.reason}. When the cause is repaired: "
            f"hookline dead-letters resume --stage {breaker.stage}",
            "bold red",
        )


def show_whole(whole: Whole) -> None:
    """Everything but the value."""
    console = _console()
    letter = whole.letter
    means, repair = explain(letter.reason)
    _line(console, _head(letter))
    _line(console, _place(letter), "dim")
    _line(console, f"  {means}")
    _line(console, f"  To do: {repair}")
    if whole.operation is not None:
        by = f"{whole.operation['verb']} by {whole.operation['actor']}"
        why = whole.operation["arguments"].get("reason_text")
        told = f": {why}" if why else ""
        moved = shown(letter.state_changed_at or letter.parked_at)
        _line(console, f"  {letter.state} since {moved}, {by} ({letter.operation_id}){told}")
    for other in whole.same_record:
        _line(
            console,
            f"  same record: {other.state}, {other.stage}, {other.reason}, "
            f"attempt {other.attempts}, id {other.dead_letter_id}",
        )
    _line(console, f"  key: {'none' if whole.key_text is None else whole.key_text}")
    _line(console, f"  value: {letter.size_bytes:,} bytes; --value prints them")
    _line(console, "  headers:")
    for name, text in whole.content.headers.items():
        _line(console, f"    {name}: {text}")


def show_redrive(
    counts: Mapping[str, int], *, dry_run: bool, waited: bool, operation_id: str | None
) -> None:
    """What a redrive came to, or would."""
    console = _console()
    verb = "Would send" if dry_run else "Sent"
    _line(
        console,
        f"{verb} {counts['written']} records again, of {counts['redriven']} letters; "
        f"{counts['selected']} were meant, {counts['refused']} of them refused.",
    )
    for reason, words in REFUSALS.items():
        if counts[f"refused_{reason}"]:
            _line(console, f"  {counts[f'refused_{reason}']} {words}.", "yellow")
    if waited:
        _line(
            console,
            f"Of these letters {counts['resolved']} are resolved, {counts['failed_again']} "
            f"failed again and have a newer letter, {counts['in_flight']} are on their way.",
        )
    _operation(console, operation_id)


def show_discard(counts: Mapping[str, int], *, dry_run: bool, operation_id: str | None) -> None:
    """What a discard came to, or would."""
    console = _console()
    if dry_run:
        _line(console, f"Would discard {counts['selected']} dead letters.")
    else:
        _line(console, f"Discarded {counts['discarded']} dead letters. Their records are kept.")
    _operation(console, operation_id)


def _operation(console: Console, operation_id: str | None) -> None:
    if operation_id is not None:
        _line(console, f"Recorded as operation {operation_id}.", "dim")


def _head(letter: Letter) -> Text:
    again = ", failed again" if letter.failed_again else ""
    line = Text(f"{shown(letter.parked_at)}  ")
    line.append(f"{letter.state}{again}", style=STYLES.get(State(letter.state), ""))
    line.append(
        _plain(f"  {letter.stage}: {letter.reason} ({letter.detail}), attempt {letter.attempts}")
    )
    return line


def _place(letter: Letter) -> str:
    event = f" {letter.event_id}," if letter.event_id else ""
    delivery = f" delivery {letter.delivery_id}," if letter.delivery_id else ""
    return (
        f"  {letter.dead_letter_id}, fingerprint {letter.fingerprint},{event}{delivery} from "
        f"{letter.source_topic} [{letter.source_partition}] at {letter.source_offset}, failed "
        f"{shown(letter.first_failed_at)}, version {letter.version}"
    )


def _console() -> Console:
    return Console(highlight=False)


def _line(console: Console, line: str | Text, style: str = "") -> None:
    words = line if isinstance(line, Text) else Text(_plain(line))
    console.print(words, style=style, soft_wrap=True)


def _plain(text: str) -> str:
    """Without what would move the cursor: details and headers are others' words."""
    return "".join(letter if letter.isprintable() else "·" for letter in text)
