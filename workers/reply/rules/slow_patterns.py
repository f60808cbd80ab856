"""Patterns that take too long: counted, told, and named once they have done so repeatedly."""

from collections import Counter
from typing import Final

import structlog

from runtime import metrics
from workers.reply.facts import Facts
from workers.reply.rules.pattern import TIME_LIMIT_S
from workers.reply.rules.rule import Rule

SUSPICIOUS: Final = 5
"""So many texts may be hostile; from then on it is the pattern."""

log = structlog.get_logger()


class SlowPatterns:
    """The patterns of one rules file that took too long."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def tell(self, rule: Rule, facts: Facts) -> None:
        """The pattern of a rule took too long over an event, which it leaves to other rules."""
        metrics.REPLY_PATTERN_TIMEOUTS.labels(rule.name).inc()
        self._counts[rule.name] += 1
        count = self._counts[rule.name]
        told = {"rule": rule.name, "limit_s": TIME_LIMIT_S, "times": count}
        if count < SUSPICIOUS:
            log.warning("reply_pattern_timeout", **told, event_id=facts.event_id)
        elif count % SUSPICIOUS == 0:
            log.error("reply_pattern_suspicious", **told, event_id=facts.event_id)
