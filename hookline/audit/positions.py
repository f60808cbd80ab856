"""Names single changes where the tables only count them, by splitting the archived body again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hookline.audit.faults import INVENTED, UNSPLIT, Fault
from schemas.decoding import UnreadableError
from schemas.identity import identify
from schemas.splitting import split

_BODY: Final = """
SELECT body FROM hookline.deliveries WHERE received_at = :received_at AND delivery_id = :delivery_id
"""

_SEEN: Final = """
SELECT position, event_id FROM hookline.sightings
WHERE received_at = :received_at AND delivery_id = :delivery_id
    AND split_part(event_id, ':', 1) = :field
"""

Names = Mapping[str, str]
"""Event ids by position."""


async def name_positions(
    connection: AsyncConnection, faults: Iterable[Fault], examples: int
) -> list[Fault]:
    """The faults; where a delivery is told with a number of changes, each of these instead."""
    return [
        replace(fault, examples=(await _named(connection, fault))[:examples])
        if fault.name in (UNSPLIT, INVENTED)
        else fault
        for fault in faults
    ]


async def _named(connection: AsyncConnection, fault: Fault) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for told in fault.examples:
        body = await connection.scalar(text(_BODY), told)
        seen = {row[0]: row[1] for row in await connection.execute(text(_SEEN), told)}
        told_by_body = positions(body or b"", told["field"], told["delivery_id"])
        differing = (
            only_in(told_by_body, seen) if fault.name == UNSPLIT else only_in(seen, told_by_body)
        )
        found += [
            {
                "delivery_id": told["delivery_id"],
                "received_at": told["received_at"],
                "position": position,
                "event_id": event_id,
            }
            for position, event_id in differing
        ] or [told]
    return found


def positions(body: bytes, field: str, delivery_id: str) -> Names:
    """A body's changes of one field; none when nobody can read it. Pure."""
    try:
        changes = split(body)
    except UnreadableError:
        return {}
    return {
        str(change.position): identify(change, delivery_id).event_id
        for change in changes
        if change.field == field
    }


def only_in(these: Names, others: Names) -> Sequence[tuple[str, str]]:
    """What one side has and the other has not, in its order. Pure."""
    return [(position, name) for position, name in these.items() if position not in others]
