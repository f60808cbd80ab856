"""What rules do, said before they do it: each rule, and what becomes of events. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from hookline.replies.rules_samples import Sample
from workers.reply.deciding import Decision
from workers.reply.facts import Facts
from workers.reply.rules.rule import Miss, Rule
from workers.reply.rules.rule_set import RuleSet
from workers.reply.rules.template import Place


class Finding(NamedTuple):
    """What becomes of a sample: the answer, and what each rule makes of it, in their order.

    In `outcomes` `earlier_rule` is one that would answer, and comes too late.
    """

    sample: Sample
    decision: Decision | None
    outcomes: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Explained:
    """A rule, with what it is now and what its author may not have meant."""

    rule: Rule
    quiet_until: datetime | None
    notes: list[str]


def ask(rules: Sequence[Rule], samples: Iterable[Sample]) -> list[Finding]:
    """What becomes of each sample."""
    rule_set = RuleSet(rules)
    return [_finding(rule_set, sample) for sample in samples]


def explain(rules: Sequence[Rule], findings: Sequence[Finding], now: datetime) -> list[Explained]:
    """Each rule, given what became of the samples that were made for them."""
    return [
        Explained(
            rule,
            rule.quiet_hours and rule.quiet_hours.until(now, rule.time_zone),
            [*_notes(rule), *_reached(rule, findings)],
        )
        for rule in rules
    ]


def _finding(rules: RuleSet, sample: Sample) -> Finding:
    if not isinstance(sample.facts, Facts):
        return Finding(sample, None, [])
    decision: Decision | None = None
    outcomes: list[tuple[str, str]] = []
    for rule, found in rules.outcomes(sample.facts):
        outcomes.append((rule.name, _outcome(found, decision)))
        if decision is None and isinstance(found, Decision):
            decision = found
    return Finding(sample, decision, outcomes)


def _outcome(found: Decision | Miss, decision: Decision | None) -> str:
    if not isinstance(found, Decision):
        return found
    return "answers" if decision is None else "earlier_rule"


def _notes(rule: Rule) -> list[str]:
    notes = []
    mentions = [kind for kind in rule.on if kind != "comment"]
    if mentions and all(Place.USERNAME in answer.places for answer in rule.answers):
        notes.append(
            "It leaves alone whose name Meta does not tell, as often with mentions: "
            "add an answer without {username}."
        )
    if mentions and rule.pattern is not None and "@" in rule.pattern.told:
        notes.append("Meta takes @ out of texts on media of others: do not look for it there.")
    if rule.pattern is not None and _finds_nothing(rule):
        notes.append("Its pattern is found in every text, also in an empty one.")
    if rule.words is None and rule.pattern is None and rule.max_per_hour is None:
        notes.append(
            "It answers everything, without a limit. Meta blocks accounts that answer too much: "
            "set max_per_hour and max_per_person."
        )
    return notes


def _finds_nothing(rule: Rule) -> bool:
    try:
        return rule.pattern is not None and rule.pattern.finds("")
    except TimeoutError:
        return False


def _reached(rule: Rule, findings: Iterable[Finding]) -> list[str]:
    """Whether an earlier rule takes what was made for this one."""
    for sample, decision, outcomes in findings:
        taken = dict(outcomes).get(rule.name) == "earlier_rule"
        if sample.about == rule.name and taken and decision is not None:
            return [f"{decision.rule} stands above it, and answers what was tried here first."]
    return []
