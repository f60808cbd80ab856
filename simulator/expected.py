"""From what was acknowledged to what must be stored. Owns counts that no order can change."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from simulator.delivery import Delivery
from simulator.truth import Field, SentChange, Table


@dataclass(slots=True)
class Expected:
    """What the pipeline must hold once every delivery given has gone through it.

    Depends on the set of deliveries only where the pipeline does: `changes`, `repeats` and
    `tests` count every delivery once as given. A delivery that was sent again because its answer
    was lost may be stored twice: then the pipeline has more deliveries, repeats and tests, and
    the same of everything else.

    Attributes:
        deliveries: deliveries, and thus rows of `deliveries`.
        unreadable: bodies that no parser reads: dead letters.
        changes: changes by field.
        events: distinct events by field, dashboard tests apart.
        tests: presses of the dashboard's test button, each an event of its own.
        contents: distinct (event, content) pairs, dashboard tests apart.
        amendments: contents beyond the first of their event.
        repeats: changes beyond the first of their content.
        rows: rows by table, dashboard tests included; a story counts once.
        ad_comments: comments seen at least once on an ad.
        ad_sightings: distinct (comment, media, ad).
        caption_mentions: mentions in captions; the other mentions are in comments.
        story_metrics: rows of story metrics.
        suppressed_metrics: those of them that Meta suppressed.
    """

    deliveries: int = 0
    unreadable: int = 0
    changes: Counter[Field] = field(default_factory=Counter)
    events: Counter[Field] = field(default_factory=Counter)
    tests: int = 0
    contents: int = 0
    amendments: int = 0
    repeats: int = 0
    rows: Counter[Table] = field(default_factory=Counter)
    ad_comments: int = 0
    ad_sightings: int = 0
    caption_mentions: int = 0
    story_metrics: int = 0
    suppressed_metrics: int = 0

    @property
    def organic_comments(self) -> int:
        """Comments never seen on an ad."""
        return self.rows["comments"] - self.ad_comments

    def summary(self) -> dict[str, Any]:
        """The counts as one JSON object."""
        counts = {name.name: getattr(self, name.name) for name in fields(self)}
        return {
            name: dict(sorted(count.items())) if isinstance(count, Counter) else count
            for name, count in counts.items()
        } | {"organic_comments": self.organic_comments}


def expect(deliveries: Iterable[Delivery]) -> Expected:
    """What must be stored of `deliveries`: those that were answered 200."""
    result = Expected()
    events: dict[str, SentChange] = {}
    contents: set[tuple[str, str]] = set()
    ads: set[tuple[str, tuple[str, str]]] = set()
    metrics: set[tuple[str, str]] = set()
    suppressed: set[tuple[str, str]] = set()
    for delivery in deliveries:
        result.deliveries += 1
        result.unreadable += not delivery.readable
        for change in delivery.changes:
            result.changes[change.field] += 1
            if change.event_id is None:
                result.tests += 1
                continue
            events.setdefault(change.event_id, change)
            contents.add((change.event_id, change.content_hash))
            if change.ad is not None:
                ads.add((change.event_id, change.ad))
            metrics.update((change.event_id, name) for name in change.metrics)
            suppressed.update((change.event_id, name) for name in change.suppressed)
    result.events.update(change.field for change in events.values())
    result.rows.update(change.table for change in events.values())
    result.rows["other_events"] += result.tests
    result.contents = len(contents)
    result.amendments = len(contents) - len(events)
    result.repeats = result.changes.total() - result.tests - len(contents)
    result.ad_comments = len({event_id for event_id, _ in ads})
    result.ad_sightings = len(ads)
    result.caption_mentions = sum(change.caption for change in events.values())
    result.story_metrics = len(metrics)
    result.suppressed_metrics = len(suppressed)
    return result
