"""Received against ended, per hour and field. Owns the two counts, each made by itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hookline.audit.letters import LETTERS
from hookline.audit.scope import Scope

# What the archive counted in the bodies; and what dedupe saw of deliveries that are not archived.
_RECEIVED: Final = """
WITH received (received_at, field, changes) AS (
    SELECT received_at, changes.key, changes.value::bigint
    FROM hookline.deliveries, jsonb_each_text(deliveries.changes) AS changes
    UNION ALL
    SELECT sightings.received_at, split_part(event_id, ':', 1), 1
    FROM hookline.sightings
    LEFT JOIN hookline.deliveries USING (received_at, delivery_id)
    WHERE deliveries.sha256 IS NULL
)
SELECT date_trunc('hour', received_at, 'UTC') AS hour, field, sum(changes)::bigint AS received
FROM received
WHERE received_at >= :since AND received_at < :until AND field = ANY(:fields)
GROUP BY 1, 2
"""

_ENDED: Final = f"""
WITH {LETTERS},
ended AS (
    SELECT outcomes.*,
        outcome = 'dead' AND (whole.delivery_id IS NOT NULL OR alone.delivery_id IS NOT NULL)
            AS is_parked,
        outcome = 'in_flight'
            AND greatest(received_at, redriven.redriven_at) < :overdue_before AS is_overdue
    FROM analytics.outcomes
    LEFT JOIN parked_whole AS whole USING (delivery_id)
    LEFT JOIN parked_alone AS alone ON alone.delivery_id = outcomes.delivery_id
        AND alone.key = convert_to(outcomes.event_id, 'UTF8')
    LEFT JOIN redriven ON redriven.delivery_id = outcomes.delivery_id
    WHERE received_at >= :since AND received_at < :until AND field = ANY(:fields)
)
SELECT date_trunc('hour', received_at, 'UTC') AS hour, field,
    coalesce(sum(changes) FILTER (WHERE outcome = 'stored'), 0)::bigint AS stored,
    coalesce(sum(changes) FILTER (WHERE outcome = 'repeat'), 0)::bigint AS repeats,
    coalesce(sum(changes) FILTER (WHERE outcome = 'dead' AND NOT is_parked), 0)::bigint AS dead,
    coalesce(sum(changes) FILTER (WHERE is_parked), 0)::bigint AS parked,
    coalesce(sum(changes) FILTER (WHERE outcome = 'in_flight'), 0)::bigint AS in_flight,
    coalesce(sum(changes) FILTER (WHERE is_overdue), 0)::bigint AS overdue
FROM ended GROUP BY 1, 2
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Entry:
    """The changes of one field received in one hour (UTC), by how they ended.

    `parked` are dead letters that wait for somebody; `dead` those that were discarded or
    resolved. `overdue` are those in flight for longer than the grace.
    """

    hour: datetime
    field: str
    received: int = 0
    stored: int = 0
    repeats: int = 0
    dead: int = 0
    parked: int = 0
    in_flight: int = 0
    overdue: int = 0

    @property
    def difference(self) -> int:
        """How many changes ended that were never received; below 0, the other way round."""
        ended = self.stored + self.repeats + self.dead + self.parked + self.in_flight
        return ended - self.received

    @property
    def adds_up(self) -> bool:
        """Whether each change received ended, or is on its way in good time."""
        return self.difference == 0 and self.overdue == 0


async def read_ledger(connection: AsyncConnection, scope: Scope) -> list[Entry]:
    """An entry for each hour and field in which something was received or ended."""
    given = scope.parameters()
    received = {
        (row.hour, row.field): row.received
        for row in await connection.execute(text(_RECEIVED), given)
    }
    ended = {(row.hour, row.field): row for row in await connection.execute(text(_ENDED), given)}
    return sorted(
        (
            Entry(*key, received.get(key, 0), *(ended[key][2:] if key in ended else ()))
            for key in {*received, *ended}
        ),
        key=lambda entry: (entry.hour, scope.fields.index(entry.field)),
    )


def total(entries: Iterable[Entry]) -> dict[str, int]:
    """All entries, added up. Pure."""
    counts = dict.fromkeys(COUNTS, 0)
    for entry in entries:
        for name in COUNTS:
            counts[name] += getattr(entry, name)
    return counts


COUNTS: Final = ("received", "stored", "repeats", "dead", "parked", "in_flight", "overdue")
