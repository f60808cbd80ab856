"""What was promised against what is stored. Pure; counts nothing that a lost answer may change."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from simulator.delivery import Delivery
from simulator.expected import expect
from tests.chaos.check import Check
from tests.chaos.enrichment import Enriched, Told, enrichment_checks, enrichment_counts

# A surrogate or NUL cannot be in a text column, which has U+FFFD instead.
UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Sent:
    """What Meta knows.

    Attributes:
        acknowledged: deliveries answered 200.
        perhaps: those that were sent and never answered 200.
        poison: SHA-256 of the values that must be dead letters.
        posted: how often each body was sent, by its SHA-256.
        told: what the Graph API told.
    """

    acknowledged: Sequence[Delivery]
    perhaps: Sequence[Delivery]
    poison: frozenset[str]
    posted: Counter[str]
    told: Told = field(default_factory=Told)


@dataclass(frozen=True, slots=True)
class Letter:
    """Dead letters of one cause, by stage, reason and the SHA-256 of the value."""

    stage: str
    reason: str
    value_sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What the tables hold.

    Attributes:
        bodies: archived bodies by SHA-256, computed by PostgreSQL from the bytes.
        misnamed: rows of the archive whose own `sha256` is another.
        events: ids of events that have rows, with the number of their rows; a story counts once.
        contents: claimed contents of events, dashboard tests apart.
        tests: rows of dashboard tests.
        ad_sightings: rows of appearances on ads.
        story_metrics: rows of story metrics.
        suppressed_metrics: those of them that Meta suppressed.
        outcomes: changes by outcome.
        letters: dead letters.
        gaps: recorded losses of offsets.
        open_breakers: stages that stopped themselves.
        enriched: what the Graph API has a part in.
    """

    bodies: Counter[str] = field(default_factory=Counter)
    misnamed: int = 0
    events: Counter[str] = field(default_factory=Counter)
    contents: frozenset[tuple[str, str]] = frozenset()
    tests: int = 0
    ad_sightings: int = 0
    story_metrics: int = 0
    suppressed_metrics: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    letters: Counter[Letter] = field(default_factory=Counter)
    gaps: int = 0
    open_breakers: int = 0
    enriched: Enriched = field(default_factory=Enriched)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the promise."""

    acknowledged: int
    stored: int
    lost: int
    doubled: int
    dead_letters_expected: int
    dead_letters_unexpected: int
    changes: dict[str, int]
    enrichment: dict[str, int]
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is lost, nothing doubled, and everything adds up."""
        return all(check.holds for check in self.checks)


def judge(sent: Sent, stored: Stored) -> Verdict:
    """Whether acknowledged means stored, once."""
    promised = Counter(body_sha256(one) for one in sent.acknowledged)
    sendable = set(promised) | {body_sha256(one) for one in sent.perhaps}
    missing_bodies = (promised - stored.bodies).total()
    foreign_bodies = sum(n for digest, n in stored.bodies.items() if digest not in sendable)
    known_bodies = Counter({one: stored.bodies[one] for one in sendable})
    surplus_bodies = (known_bodies - sent.posted).total()

    least, most = event_contents(sent.acknowledged), event_contents(sent.perhaps)
    most |= least
    least_events, most_events = {id_ for id_, _ in least}, {id_ for id_, _ in most}
    missing_events = len(least_events - set(stored.events))
    extra_rows = sum(n - 1 for n in stored.events.values())
    foreign_events = len(set(stored.events) - most_events)

    unexpected = sum(n for one, n in stored.letters.items() if one.value_sha256 not in sent.poison)
    poisoned = {letter.value_sha256 for letter in stored.letters} & sent.poison
    surely = expect(sent.acknowledged)
    perhaps = expect([*sent.acknowledged, *sent.perhaps])
    return Verdict(
        acknowledged=promised.total(),
        stored=promised.total() - missing_bodies,
        lost=missing_bodies + missing_events,
        doubled=extra_rows + foreign_events + surplus_bodies,
        dead_letters_expected=stored.letters.total() - unexpected,
        dead_letters_unexpected=unexpected,
        changes=dict(sorted(stored.outcomes.items())),
        enrichment=enrichment_counts(stored.enriched),
        checks=(
            Check("acknowledged deliveries missing in the archive", 0, missing_bodies),
            Check("archived bodies that nobody sent", 0, foreign_bodies),
            Check("archived bodies beyond those that were sent", 0, surplus_bodies),
            Check("archived bodies that do not match their checksum", 0, stored.misnamed),
            Check("acknowledged events without a row", 0, missing_events),
            Check("events with more than one row", 0, extra_rows),
            Check("events that nobody sent", 0, foreign_events),
            Check(
                "rows of events", len(least_events), len(stored.events), at_most=len(most_events)
            ),
            Check("contents without a claim", 0, len(least - stored.contents)),
            Check("claims of contents that nobody sent", 0, len(stored.contents - most)),
            Check(
                "appearances on ads",
                surely.ad_sightings,
                stored.ad_sightings,
                at_most=perhaps.ad_sightings,
            ),
            Check(
                "story metrics",
                surely.story_metrics,
                stored.story_metrics,
                at_most=perhaps.story_metrics,
            ),
            Check(
                "suppressed story metrics",
                surely.suppressed_metrics,
                stored.suppressed_metrics,
                at_most=perhaps.suppressed_metrics,
            ),
            # Each resend of a test whose answer was lost is a test of its own.
            Check("dashboard tests, at least", surely.tests, min(stored.tests, surely.tests)),
            Check("changes without an outcome", 0, stored.outcomes["in_flight"]),
            Check("dead letters that nobody poisoned", 0, unexpected),
            Check("poisoned records that are no dead letters", 0, len(sent.poison - poisoned)),
            Check("offset ranges lost in Kafka", 0, stored.gaps),
            Check("workers that stopped themselves", 0, stored.open_breakers),
            *enrichment_checks(sent.told, stored.enriched),
        ),
    )


def event_contents(deliveries: Iterable[Delivery]) -> set[tuple[str, str]]:
    """Events with their contents, as PostgreSQL can hold their ids."""
    return {
        (UNSTORABLE.sub("\ufffd", change.event_id), change.content_hash)
        for delivery in deliveries
        for change in delivery.changes
        if change.event_id is not None
    }


def body_sha256(delivery: Delivery) -> str:
    """What the archive can be searched for."""
    return hashlib.sha256(delivery.body).hexdigest()
