"""What is compared: of each table its key and the columns that follow from raw deliveries. Pure.

Left out are the verdicts of sightings, which tell in what order changes were handled, and the
columns that only the Graph fills: persist does not write them.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import JSONB

from schemas.tables import SCHEMA, claims, sightings
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


@dataclass(frozen=True)
class Compared:
    """One table. `events` is empty where a row is one sighting and has a time of its own."""

    table: Table
    key: tuple[str, ...]
    columns: tuple[str, ...]
    events: tuple[str, ...] = ()

    @property
    def has_contents(self) -> bool:
        """Whether a row may be made of several contents, and then lists them."""
        return CONTENTS in self.table.c

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
        """A condition: nothing that was received at the cut or after it is in the row.

        An event has a claim for each of its contents, at the time it was first received. So a row
        whose event has a claim from the cut on was changed since, rightly, and is not compared.
        """
        if not cut:
            return "true"
        if not self.events:
            return f"{alias}.received_at < :cut"
        return " AND ".join(
            f"NOT EXISTS (SELECT FROM {SCHEMA}.{claims.name} AS later "
            f"WHERE later.event_id = {event.format(a=alias)} AND later.received_at >= :cut)"
            for event in self.events
        )


def _of_target(target: Target) -> Compared:
    written = [name for name in columns_of(target) if name not in target.key]
    return Compared(target.table, target.key, tuple(written), _EVENTS[target])


# In the order in which dedupe and persist write them, so that no lock is awaited in a circle.
COMPARED: Final = (
    Compared(claims, ("event_id", "content_hash"), ("delivery_id", "position", "received_at")),
    Compared(
        sightings,
        ("received_at", "delivery_id", "position"),
        ("event_id", "content_hash", "sent_at"),
    ),
    *map(_of_target, TARGETS),
)
