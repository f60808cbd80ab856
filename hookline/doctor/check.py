"""A check: what it looks at, and how it judges that. Whatever was not seen is never green."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

from hookline.doctor.facts import Facts, Part
from hookline.doctor.finding import Finding, Told, Unseen, plain, red, unknown

Seen = TypeVar("Seen")

Judge: TypeAlias = Callable[[Seen, datetime], Iterable[Told]]
"""Pure. The moment is that of the examination."""

Subjects: TypeAlias = Iterable[tuple[str, Seen | Unseen]]


@dataclass(frozen=True, slots=True)
class Check(Generic[Seen]):
    """One condition.

    Attributes:
        slug: its name, for `--only` and in JSON.
        looks_at: what it looks at, for the handbook.
        red_means: what follows when it is red.
        repair: what to do then.
        parts: the facts that it needs.
        subjects: what it judges, each with what was seen of it.
        judge: says how that stands.
    """

    slug: str
    looks_at: str
    red_means: str
    repair: str
    parts: tuple[Part, ...]
    subjects: Callable[[Facts], Subjects[Seen]]
    judge: Judge[Seen]

    def findings(self, group: str, facts: Facts) -> Iterator[Finding]:
        """What it says about each subject."""
        for subject, seen in self.subjects(facts):
            told = (
                [self._not_seen(seen)] if isinstance(seen, Unseen) else self.judge(seen, facts.now)
            )
            for one in told:
                yield Finding(
                    self.slug,
                    group,
                    plain(one.subject or subject),
                    one.state,
                    plain(one.evidence),
                    one.consequence,
                    one.repair,
                    one.fix,
                )

    def _not_seen(self, unseen: Unseen) -> Told:
        if unseen.blame == self.slug:
            return red(unseen.why, self.red_means, unseen.repair or self.repair)
        return unknown(unseen)


AnyCheck: TypeAlias = Check[Any]
"""Of whatever facts."""
