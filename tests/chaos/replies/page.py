"""The part of the report's page that is about answers. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from tests.chaos.check import wanted

SUBJECT: Final = """
<p>Hookline can answer mentions and comments by rules. Meta does what it is told twice when it is
told twice, and takes nothing back; so an answer is sent <b>once at most</b>, and of one that may
have been sent nobody claims to know.</p>
<p>Here three replicas answer everything, while <b>every single write</b> to a simulated Graph
API goes wrong: cut off, refused, answered late or with an error &ndash; before it was done, or
after. Replicas are killed at random and at each point of their work, PostgreSQL too; all events are
replayed twice, and the tables made anew. Then a day passes in which every answer comes back
as a webhook, twice or before its call has ended, often without an author, to accounts that name
each other in all they write: none of these may be answered.</p>
"""


def section(told: Mapping[str, Any] | None) -> str:
    """All of it; nothing where it was not asked for."""
    if told is None:
        return ""
    return (
        f"<section><h2>Answers, each once at most</h2>{SUBJECT}{_counted(told)}"
        f"{_table('what became of them', told['reasons'])}"
        f"{_table('what went wrong with writes', told['writes'])}"
        f"{_table('replicas that died', told['deaths'])}"
        f"{_checks('What was checked', told['checks'])}"
        f"{_checks('Of the day', told['day']['checks'])}</section>"
    )


def _counted(told: Mapping[str, Any]) -> str:
    day = told["day"]
    if told["events"] is None or day["events"] is None:
        return "<p>It did not come to its end: not everything was compared.</p>"
    states = ", ".join(f"{count:,} {state}" for state, count in told["states"].items())
    return (
        f"<p>{told['events']:,} events, {told['answered']:,} of them answered at Meta, "
        f"{told['doubled']:,} more than once, {told['skipped']:,} skipped. The outbox says: "
        f"{states}. On the day {day['events']:,} events were answered {day['answered']:,} times; "
        f"{day['came_back']:,} deliveries were about what we had written.</p>"
    )


def _table(head: str, counts: Mapping[str, int]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}<td class="n">{count:,}</tr>' for name, count in counts.items()
    )
    return f'<table><thead><tr><th>{head}<th class="n"></tr></thead><tbody>{rows}</tbody></table>'


def _checks(head: str, checks: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(_rows(checks))
    return (
        f'<table><thead><tr><th>{head}<th class="n">found</tr></thead><tbody>{rows}</tbody></table>'
    )


def _rows(checks: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for check in checks:
        grade = "good" if check["holds"] else "late"
        found = f"{check['found']:,}"
        if check["expected"] or not check["holds"]:
            found += f" of {wanted(check)}"
        yield f'<tr><td>{escape(check["name"])}<td class="n {grade}">{found}</tr>'
