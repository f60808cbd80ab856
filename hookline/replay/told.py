"""Which rows the records of a stage tell something about, so that what became of them can be
counted. Owns the tables that each stage writes. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from runtime.errors import RejectError
from runtime.worker import Record
from schemas.deliveries import MalformedDeliveryError, read_delivery
from schemas.events import MalformedEventError, decode_event
from schemas.tables import claims, deliveries, enrichment_tasks, sightings
from workers.dedupe.sighting import sightings_in
from workers.enrich.task import TaskKey
from workers.enrich.wanted import wanted_by
from workers.persist.handler import TARGETS
from workers.persist.rows import rows_of

RowKey: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A table that a stage writes.

    `state` is SQL over the row `t` that changes whenever the row does. `needs` are the columns by
    which the stage finds what else it looks at. Where a row is `held` by one of those who told it,
    its state is that one's mark, and all others are duplicates.
    """

    name: str
    key: tuple[str, ...]
    state: str = "md5(t::text)"
    needs: tuple[str, ...] | None = None
    held: bool = False


_DELIVERIES: Final = Written(deliveries.name, ("received_at", "delivery_id"), "t.sha256")
_CLAIMS: Final = Written(
    claims.name,
    ("event_id", "content_hash"),
    "concat(t.delivery_id, ' ', t.position)",
    needs=("event_id",),  # a verdict depends on the other contents of the event
    held=True,
)
_SIGHTINGS: Final = Written(
    sightings.name, ("received_at", "delivery_id", "position"), "t.event_id"
)
_TASKS: Final = Written(enrichment_tasks.name, TaskKey._fields, "t.event_id")

WRITTEN: Final[Mapping[str, tuple[Written, ...]]] = {
    "archive": (_DELIVERIES,),
    "dedupe": (_CLAIMS, _SIGHTINGS),
    "enrich": (),
    "refresh": (_TASKS,),
    "persist": tuple(Written(target.table.name, target.key) for target in TARGETS),
}
"""By stage; of enrich, what is recorded writes nothing, and `refresh` puts tasks down."""


class Told(NamedTuple):
    """A record tells something about a row. Who tells the same of it again has the same mark."""

    table: str
    key: RowKey
    mark: str


def told_by(effect: str, record: Record) -> list[Told]:
    """What a record tells; nothing if the stage will refuse it."""
    try:
        return list(_TELL[effect](record))
    except (MalformedDeliveryError, MalformedEventError, RejectError):
        return []


def _archive(record: Record) -> Iterator[Told]:
    delivery = read_delivery(record.headers, record.value)
    yield Told(_DELIVERIES.name, (delivery.received_at, delivery.delivery_id), "")


def _dedupe(record: Record) -> Iterator[Told]:
    for one in sightings_in(record):
        place = (one.key.delivery_id, str(one.key.position))
        yield Told(_CLAIMS.name, one.content_id, " ".join(place))
        yield Told(_SIGHTINGS.name, (one.key.received_at, *place), "")


def _enrich(_: Record) -> Iterator[Told]:
    yield from ()


def _refresh(record: Record) -> Iterator[Told]:
    event = decode_event(record.value or b"")
    for wanted in wanted_by(event):
        yield Told(_TASKS.name, TaskKey(event.account_id or "", *wanted), "")


def _persist(record: Record) -> Iterator[Told]:
    for row in rows_of(decode_event(record.value or b"")):
        yield Told(row.target.table.name, row.key, row.content.content_hash)


_TELL: Final = {
    "archive": _archive,
    "dedupe": _dedupe,
    "enrich": _enrich,
    "refresh": _refresh,
    "persist": _persist,
}

States: TypeAlias = Mapping[RowKey, str]
"""The rows that there are, with what changes when they do."""


class Tally(NamedTuple):
    """What became of the rows of one table, and how often the same was told again."""

    new: int = 0
    changed: int = 0
    same: int = 0
    duplicates: int = 0


def tally(table: Written, told: Iterable[Told], before: States, after: States) -> Tally:
    """Counts rows by comparing how they were and are."""
    marks = [(one.key, one.mark) for one in told if one.key in after]
    kept = {(key, mark) for key, mark in marks if not table.held or after[key] == mark}
    rows = {key for key, _ in kept}
    new = sum(key not in before for key in rows)
    same = sum(before.get(key) == after[key] for key in rows)
    return Tally(new, len(rows) - new - same, same, len(marks) - len(kept))


def duplicates(effect: str, tallies: Mapping[str, Tally]) -> int:
    """How many changes, or deliveries, were told again: a change has a claim and a sighting."""
    return sum(tallies[one.name].duplicates for one in WRITTEN[effect] if one != _SIGHTINGS)
