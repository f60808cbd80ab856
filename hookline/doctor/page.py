"""Findings for people and for machines: what is red first, with what follows and what to do."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from hookline.console import page
from hookline.doctor.finding import STATES, Finding, Fix, State
from schemas.events import format_time

_STYLES: Final[dict[State, str]] = {
    "red": "bold red",
    "unknown": "magenta",
    "yellow": "yellow",
    "ask": "cyan",
    "green": "green",
}

_MARKS: Final[dict[State, str]] = {
    "red": "✗",
    "unknown": "?",
    "yellow": "!",
    "ask": "→",
    "green": "✓",
}

_TITLES: Final[dict[State, str]] = {
    "red": "Broken",
    "unknown": "Could not be looked at, and may be so or otherwise",
    "yellow": "Will break, or has done harm",
    "ask": "For you to look at: no API tells",
    "green": "As it should be",
}

SUBJECTS: Final = 3
"""So many subjects of the same finding are named."""


def document(findings: Sequence[Finding], at: datetime, **more: Any) -> dict[str, Any]:
    """The JSON document."""
    return {
        "at": format_time(at),
        "state": worst(findings),
        "counts": counts(findings),
        **more,
        "findings": [_plain(one) for one in findings],
    }


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        **finding._asdict(),
        "consequence": finding.consequence or None,
        "repair": finding.repair or None,
        "fixable": finding.fix is not None,
    }


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many there are of each state."""
    found = Counter(one.state for one in findings)
    return {state: found[state] for state in STATES}


def worst(findings: Iterable[Finding]) -> State:
    """The state that says the most; green where there is nothing at all."""
    found = {one.state for one in findings}
    return next((state for state in STATES if state in found), "green")


def show(findings: Sequence[Finding]) -> None:
    """Prints them."""
    console = page()
    for state in STATES:
        of_state = [one for one in findings if one.state == state]
        if not of_state:
            continue
        console.print(Text(f"{_TITLES[state]}", style=_STYLES[state]))
        if state == "green":
            _show_green(console, of_state)
        else:
            for same in together(of_state):
                _show(console, same)
        console.print()
    console.print(summary(findings))


def together(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings that say the same of several subjects, side by side; those that are unknown for the
    same reason, too. Pure."""
    found: dict[tuple[str, ...], list[Finding]] = {}
    for one in findings:
        check = "" if one.state == "unknown" else one.check
        key = (one.state, check, one.evidence, one.consequence, one.repair)
        found.setdefault(key, []).append(one)
    return list(found.values())


def _show(console: Console, same: Sequence[Finding]) -> None:
    one = same[0]
    checks = ", ".join(dict.fromkeys(finding.check for finding in same))
    subjects = "" if one.state == "unknown" else f"  {_subjects(same)}"
    title = Text.assemble((f"{_MARKS[one.state]} {checks}", _STYLES[one.state]), subjects)
    console.print(_indented(title, 1))
    consequence = "" if one.state == "unknown" else one.consequence
    for told in filter(None, (one.evidence, consequence)):
        console.print(_indented(Text(told), 3))
    if one.repair:
        console.print(_indented(Text.assemble(("Do: ", "bold"), one.repair), 3))


def _indented(text: Text, columns: int) -> Padding:
    return Padding(text, (0, 0, 0, columns), expand=False)


def _subjects(same: Sequence[Finding]) -> str:
    names = list(dict.fromkeys(one.subject for one in same))
    more = len(names) - SUBJECTS
    return ", ".join(names[:SUBJECTS]) + (f" and {more} more" if more > 0 else "")


def _show_green(console: Console, findings: Sequence[Finding]) -> None:
    """A line a group: what was looked at, and of how many."""
    for group, found in groupby(findings, key=lambda one: one.group):
        checks = Counter(one.check for one in found)
        told = ", ".join(
            check if count == 1 else f"{check} ({count})" for check, count in checks.items()
        )
        text = Text.assemble((f"{_MARKS['green']} {group}: ", "green"), told)
        console.print(_indented(text, 1))


def summary(findings: Sequence[Finding]) -> Text:
    """The last line."""
    found = counts(findings)
    told = [f"{found[state]} {state}" for state in STATES if found[state]]
    text = Text(", ".join(told) + ".", style=_STYLES[worst(findings)])
    if any(one.fix for one in findings):
        text.append("\nSome of it can be repaired at once: hookline doctor --fix", "default")
    return text


def show_plan(wanted: Mapping[Fix, Sequence[Finding]], *, dry_run: bool) -> list[str]:
    """What would be done, a line for each verb, and below it why. Pure."""
    if not wanted:
        return ["Nothing of it can be repaired at once."]
    lines = ["Would be run:" if dry_run else "To be run:"]
    for fix, found in wanted.items():
        lines.append(f"  hookline {fix}")
        lines += [
            f"    {same[0].check}: {_subjects(same)}: {same[0].evidence}"
            for same in together(found)
        ]
    return lines
