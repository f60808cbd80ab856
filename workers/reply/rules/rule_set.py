"""All rules of a file, asked in their order: the first that answers does. Pure."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta
from typing import Final

from workers.reply.deciding import Decision, Hold, Sent
from workers.reply.facts import Facts
from workers.reply.rules.rule import Asked, Miss, Rule

UNKNOWN_RULE: Final = timedelta(minutes=1)

TellTimeout = Callable[[Rule, Facts], None]


def _tell_nobody(_rule: Rule, _facts: Facts) -> None:
    pass


class RuleSet:
    """Rules as they are at one moment (`workers.reply.deciding.Rules`)."""

    def __init__(self, rules: Sequence[Rule], tell_timeout: TellTimeout = _tell_nobody) -> None:
        """`tell_timeout` is told of each pattern that took too long, and where."""
        self.rules = tuple(rules)
        self._by_name = {rule.name: rule for rule in rules}
        self._tell_timeout = tell_timeout

    @property
    def sending(self) -> Collection[str]:
        """The names of those that send."""
        return [rule.name for rule in self.rules if not rule.dry_run]

    def decide(self, facts: Facts) -> Decision | None:
        """The answer of the first rule that has one."""
        for rule, found in self.outcomes(facts):
            if isinstance(found, Decision):
                return found
            if found == "timeout":
                self._tell_timeout(rule, facts)
        return None

    def outcomes(self, facts: Facts) -> Iterator[tuple[Rule, Decision | Miss]]:
        """What each rule makes of an event, in their order, as if there were no others."""
        asked = Asked(facts)
        for rule in self.rules:
            yield rule, rule.answer(asked)

    def hold(self, sent: Sent) -> Hold | None:
        """Why an answer of a rule is not to be sent now, if so."""
        rule = self._by_name.get(sent.rule)
        if rule is None:
            return Hold("no_such_rule", sent.now + UNKNOWN_RULE)
        return rule.hold(sent)
