"""What is compared: of each table its key and what follows from deliveries and Graph reads. Pure.

Left out are the verdicts of sightings, which tell in what order changes were handled, and what
persist does not write.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import JSONB

from schemas.enriched import ANSWERED
from schemas.tables import SCHEMA, claims, enrichment_tasks, graph_reads, media, sightings
from workers.persist.enriched import STATUS
from workers.persist.graph import GRAPH_TARGETS, MediaRow
from workers.persist.handler import TARGETS
from workers.persist.merge import CONTENTS, columns_of
from workers.persist.targets import (
    AD_SIGHTINGS,
    COMMENTS,
    MENTIONS,
    OTHER_EVENTS,
    STORY_INSIGHTS,
    Target,
)

BUCKETS: Final = 1024
"""Parts of a table that have a checksum each. Only those that differ are looked into."""

_EVENTS: Final[dict[Target, tuple[str, ...]]] = {
    COMMENTS: ("concat_ws(':', {a}.field, {a}.account_id, {a}.comment_id)",),
    # An ad's row does not say in which of the two forms its comment came.
    AD_SIGHTINGS: (
        "concat_ws(':', 'comments', {a}.account_id, {a}.comment_id)",
        "concat_ws(':', 'live_comments', {a}.account_id, {a}.comment_id)",
    ),
    MENTIONS: (
        (
            "concat_ws(':', 'mentions', {a}.account_id, {a}.media_id, "
            "coalesce(nullif({a}.comment_id, ''), '-'))"
        ),
    ),
    STORY_INSIGHTS: ("concat_ws(':', 'story_insights', {a}.account_id, {a}.media_id)",),
    OTHER_EVENTS: ("{a}.event_id",),
}
"""The events that a row is made of, as SQL over its key; `{a}` is the row."""


_READ: Final = "told.event_id = {event} AND told.endpoint <> 'media'"
_MEDIA_READ: Final = "told.object_id = {a}.media_id AND told.endpoint = 'media'"
"""The Graph reads that a row is made of, as SQL; `told` is a read, or the task of one."""


@dataclass(frozen=True)
class Compared:
    """One table.

    Attributes:
        received: where a row is one telling, when that was received.
        events: else the events that it is made of, none where deliveries do not tell it.
        reads: a condition on the Graph reads that it is made of; none where there are none.
    """

    table: Table
    key: tuple[str, ...]
    columns: tuple[str, ...]
    received: str | None = None
    events: tuple[str, ...] = ()
    reads: str | None = None

    @property
    def has_contents(self) -> bool:
        """Whether a row may be made of several contents, and then lists them."""
        return CONTENTS in self.table.c

    @property
    def has_answers(self) -> bool:
        """Whether its rows are of deliveries, with columns that the Graph fills."""
        return bool(self.events and self.reads)

    def absent(self, alias: str) -> str:
        """A condition: an outer join found no row of `alias`."""
        return f"{alias}.{self.key[0]} IS NULL"

    def keys(self, alias: str) -> str:
        """The key's columns, of `alias`."""
        return ", ".join(f"{alias}.{name}" for name in self.key)

    def same_key(self, one: str, other: str) -> str:
        """A condition: both have the same key."""
        return " AND ".join(f"{one}.{name} = {other}.{name}" for name in self.key)

    def value(self, alias: str, name: str) -> str:
        """A column as it is compared: JSON as text, where 1.0 is not 1."""
        cast = "::text" if isinstance(self.table.c[name].type, JSONB) else ""
        return f"{alias}.{name}{cast}"

    def differ(self, one: str, other: str, name: str) -> str:
        """A condition: the column differs."""
        return f"{self.value(one, name)} IS DISTINCT FROM {self.value(other, name)}"

    def any_differs(self, one: str, other: str) -> str:
        """A condition: any compared column differs."""
        return "(" + " OR ".join(self.differ(one, other, name) for name in self.columns) + ")"

    def bucket(self, alias: str) -> str:
        """The part of the table that a row belongs to."""
        names = [name for name in self.key if name != "received_at"]
        text = ", ".join(f"{alias}.{name}" for name in names)
        return f"hashtextextended(concat_ws('|', {text}), 0) & {BUCKETS - 1}"

    def hash(self, alias: str) -> str:
        """64 bits of the md5 over the row's compared columns, as a number that can be summed."""
        values = ", ".join(f"{alias}.{name}" for name in (*self.key, *self.columns))
        return f"('x' || left(md5(ROW({values})::text), 16))::bit(64)::bigint"

    def settled(self, alias: str, *, cut: bool) -> str:
        """A condition: nothing of the cut or after it is in the row, and nothing is on its way.

        An event has a claim for each of its contents, at the time it was first received. So a row
        whose event has a claim from the cut on was changed since, rightly, and is not compared.
        So was one with a later Graph read; one that is recorded and not published may be.
        """
        if not cut:
            return "true"
        conditions = [f"{alias}.{self.received} < :cut"] if self.received else []
        conditions += [
            f"NOT EXISTS (SELECT FROM {SCHEMA}.{claims.name} AS later "
            f"WHERE later.event_id = {event.format(a=alias)} AND later.received_at >= :cut)"
            for event in self.events
        ]
        if self.reads:
            reads = self.reads.format(a=alias)
            later = f"{SCHEMA}.{graph_reads.name} AS told WHERE {reads} AND told.read_at >= :cut"
            coming = (
                f"{SCHEMA}.{enrichment_tasks.name} AS told "
                f"WHERE {reads} AND told.answered_at IS NOT NULL"
            )
            conditions += [f"NOT EXISTS (SELECT FROM {one})" for one in (later, coming)]
        return " AND ".join(conditions)

    def unrecorded(self, alias: str) -> str:
        """A condition: the row has an answer that no Graph read tells."""
        if not self.has_answers or self.reads is None:
            return "false"
        answered = ", ".join(f"'{status}'" for status in ANSWERED)
        return (
            f"{alias}.enrichment_status IN ({answered}) AND {alias}.enriched_at IS NOT NULL "
            f"AND NOT EXISTS (SELECT FROM {SCHEMA}.{graph_reads.name} AS told "
            f"WHERE {self.reads.format(a=alias)} AND told.read_at = {alias}.enriched_at)"
        )


def _of_target(target: Target) -> Compared:
    written = [name for name in columns_of(target) if name not in target.key]
    events, reads = _EVENTS[target], None
    if target in _GRAPH_COLUMNS:
        written += (*_GRAPH_COLUMNS[target], *STATUS)
        reads = _READ.format(event=events[0])
    return Compared(target.table, target.key, tuple(written), events=events, reads=reads)


_GRAPH_COLUMNS: Final = {graph.target: graph.columns for graph in GRAPH_TARGETS}

# In the order in which dedupe and persist write them, so that no lock is awaited in a circle.
COMPARED: Final = (
    Compared(
        claims,
        ("event_id", "content_hash"),
        ("delivery_id", "position", "received_at"),
        received="received_at",
    ),
    Compared(
        sightings,
        ("received_at", "delivery_id", "position"),
        ("event_id", "content_hash", "sent_at"),
        received="received_at",
    ),
    *map(_of_target, TARGETS),
    Compared(media, MediaRow._fields[:1], MediaRow._fields[1:], reads=_MEDIA_READ),
)
