"""Rules, and what becomes of events, for people and for machines. Owns the words.

Texts and names are shown: whoever checks rules asked for them, and they go to standard output.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from hookline.console import page
from hookline.moments import shown
from hookline.replies.page import plain
from hookline.replies.rules_check import Explained, Finding
from workers.reply.facts import Facts
from workers.reply.reply import Kind
from workers.reply.rules.rule import Rule

_KINDS: Final[Mapping[Kind, str]] = {
    "comment_mention": "mentions in comments",
    "caption_mention": "mentions in captions",
    "comment": "comments on media of ours",
}

_KIND: Final[Mapping[Kind, str]] = {
    "comment_mention": "mention in a comment",
    "caption_mention": "mention in a caption",
    "comment": "comment on media of ours",
}

OUTCOMES: Final = {
    "answers": "answers",
    "earlier_rule": "would answer, but comes after",
    "other_kind": "is for other kinds",
    "other_account": "is for other accounts",
    "before_start": "was written before the rule's start",
    "no_text": "the text is not known",
    "no_match": "not in the text",
    "timeout": "its pattern takes too long over this text",
    "no_name": "every answer needs a name that is not known",
}
"""What a rule makes of an event."""

NEVER: Final = {
    "not_archived": "its delivery is not archived any more",
    "untyped": "it is a test of Meta's dashboard, or has no ids",
    "not_read": "it was not read from the Graph API, so far",
    "incomplete": "what Meta told of it is incomplete",
    "replayed": "it was not brought by Meta's webhook",
    "ours": "it is ours, or of another connected account",
    "unsigned": "nobody tells who wrote it, and it may be ours",
    "hidden": "it is hidden: Meta takes no answers",
    "live": "it is a live comment: Meta takes no answers",
}
"""Why something is never answered."""


def document(
    file: str, problems: Sequence[str], rules: Sequence[Explained], findings: Sequence[Finding]
) -> dict[str, Any]:
    """The JSON document."""
    return {
        "file": file,
        "ok": not problems,
        "problems": list(problems),
        "rules": [_rule_document(one) for one in rules],
        "samples": [_finding_document(one) for one in findings],
    }


def show(rules: Sequence[Explained], findings: Sequence[Finding]) -> None:
    """Prints each rule, then what becomes of each sample."""
    console = page()
    if not rules:
        _line(console, "No rules: nothing is answered.", style="bold")
    for one in rules:
        _show_rule(console, one)
    if findings:
        _line(console, "Asked about", style="bold underline")
    for finding in findings:
        _show_finding(console, finding)


def _show_rule(console: Console, explained: Explained) -> None:
    rule = explained.rule
    _line(console, rule.name, style="bold")
    for name, value in (
        ("answers", _what(rule)),
        ("if", _condition(rule)),
        *(("with" if not number else "or", one.told) for number, one in enumerate(rule.answers)),
        ("from", rule.start and f"{shown(rule.start)} on"),
        ("limits", _limits(rule)),
        ("quiet", _quiet(rule, explained.quiet_until)),
        ("sends", "nothing: a dry run" if rule.dry_run else None),
        *(("note", note) for note in explained.notes),
    ):
        if value:
            style = "yellow" if name == "note" else ""
            _line(console, Text.assemble((f"  {name:8}", "dim"), (plain(value), style)))
    _line(console, "")


def _what(rule: Rule) -> str:
    kinds = ", ".join(_KINDS[kind] for kind in dict.fromkeys(rule.on))
    accounts = f"of {', '.join(rule.accounts)}" if rule.accounts else "of all accounts"
    return f"{kinds}, {accounts}"


def _condition(rule: Rule) -> str:
    if rule.words is not None:
        return f"one of these is in the text: {', '.join(word.told for word in rule.words)}"
    if rule.pattern is not None:
        return f"this is found in the text: {rule.pattern.told}"
    return "always"


def _limits(rule: Rule) -> str:
    limits = [f"{rule.max_per_hour:,} an hour" if rule.max_per_hour else "any number"]
    if rule.max_per_person:
        limits.append(f"{rule.max_per_person:,} a day to one person")
    return ", ".join([*limits, f"not later than {rule.max_age_hours:g} h"])


def _quiet(rule: Rule, until: datetime | None) -> str | None:
    if rule.quiet_hours is None:
        return None
    now = f"; now, until {shown(until)}" if until else ""
    return f"{rule.quiet_hours}, {rule.time_zone.key}{now}"


def _show_finding(console: Console, finding: Finding) -> None:
    sample, decision, outcomes = finding
    facts = sample.facts
    _line(console, sample.name, style="bold")
    if not isinstance(facts, Facts):
        _line(console, f"  never answered: {NEVER[facts]}")
    else:
        by = f"by {facts.username}" if facts.username else "by nobody known"
        text = f"“{facts.text}”" if facts.text else "without a text"
        _line(console, plain(f"  {_KIND[facts.kind]}, {by}, {shown(facts.at)}: {text}"))
        if decision is None:
            _line(console, "  no rule answers")
        else:
            how = " (a dry run: not sent)" if decision.dry_run else ""
            _line(console, plain(f"  {decision.rule}{how}: {decision.message}"), style="green")
        for name, outcome in outcomes:
            if outcome != "answers":
                _line(console, f"  {name}: {OUTCOMES[outcome]}", style="dim")
    for one in sample.earlier:
        _line(console, f"  in the outbox: {one.rule}, {one.state}")
    _line(console, "")


def _rule_document(explained: Explained) -> dict[str, Any]:
    rule = explained.rule
    return {
        "name": rule.name,
        "on": rule.on,
        "accounts": rule.accounts,
        "words": rule.words and [word.told for word in rule.words],
        "pattern": rule.pattern and rule.pattern.told,
        "answers": [answer.told for answer in rule.answers],
        "start": rule.start,
        "max_per_hour": rule.max_per_hour,
        "max_per_person": rule.max_per_person,
        "max_age_hours": rule.max_age_hours,
        "quiet_hours": rule.quiet_hours and str(rule.quiet_hours),
        "time_zone": rule.time_zone.key,
        "quiet_until": explained.quiet_until,
        "dry_run": rule.dry_run,
        "notes": explained.notes,
    }


def _finding_document(finding: Finding) -> dict[str, Any]:
    sample, decision, outcomes = finding
    facts = sample.facts if isinstance(sample.facts, Facts) else None
    return {
        "sample": sample.name,
        "kind": facts and facts.kind,
        "account": facts and facts.account_id,
        "text": facts and facts.text,
        "username": facts and facts.username,
        "at": facts and facts.at,
        "never": None if facts else sample.facts,
        "rule": decision and decision.rule,
        "answer": decision and decision.message,
        "dry_run": decision and decision.dry_run,
        "outcomes": [{"rule": rule, "outcome": outcome} for rule, outcome in outcomes],
        "earlier": list(sample.earlier),
    }


def _line(console: Console, text: str | Text, style: str = "") -> None:
    console.print(Text(text, style) if isinstance(text, str) else text, soft_wrap=True)
