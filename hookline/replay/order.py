"""What is to be replayed. Owns what can be asked for, and how it is kept for the audit. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from hookline.moments import require_order
from runtime.errors import StopError
from schemas.events import format_time, parse_time
from schemas.fields import FIELDS, Field
from workers.enrich.wanted import READ_FROM

STAGES: Final = ("archive", "dedupe", "enrich", "persist")

MAX_IDS: Final = 100_000
"""Ids of one replay: they are kept in its row of `operations`, so that it can be gone on with."""

From: TypeAlias = Literal["topic", "archive"]

Enrichment: TypeAlias = Literal["recorded", "refresh"]
"""Of the stage enrich: answers that are recorded, or asking again. Recorded when not told."""


class OrderError(ValueError):
    """What was asked for makes no sense; the message says why, and what does."""


class ReplayError(StopError):
    """A replay cannot be done, or not to its end. What it did stays done, and does no harm."""

    reason = "replay"


@dataclass(frozen=True, slots=True)
class Order:
    """Which stage, over what. Times are those of receipt, from `since` to before `until`.

    `ids` is None where any event is meant; `query` is where they came from, if from SQL.
    `enrichment` is for the stage enrich alone.
    """

    stage: str
    origin: From = "topic"
    field: str | None = None
    account: str | None = None
    ids: frozenset[str] | None = None
    query: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    enrichment: Enrichment | None = None

    @property
    def effect(self) -> str:
        """What is done: the stage's work, or for enrich `refresh`."""
        return "refresh" if self.enrichment == "refresh" else self.stage

    @property
    def reads_events(self) -> bool:
        """Whether the stage reads events, and not raw records."""
        return self.stage in ("enrich", "persist")

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields whose records can be meant, in their order."""
        named = None if self.ids is None else {field_of_id(one) for one in self.ids}
        return tuple(
            field
            for field in FIELDS
            if self.field in (None, field)
            and (named is None or field in named)
            and (self.stage != "enrich" or field in READ_FROM)
        )

    def means(self, account_id: str | None, event_id: str) -> bool:
        """Whether a change of this account and event is meant, as far as these two tell."""
        if self.account is not None and account_id != self.account:
            return False
        return self.ids is None or event_id in self.ids

    def means_time(self, received_at: datetime) -> bool:
        """Whether what was received then is meant."""
        return (self.since is None or received_at >= self.since) and (
            self.until is None or received_at < self.until
        )

    def arguments(self) -> dict[str, Any]:
        """As JSON, for the audit and for `from_arguments`: what was not given is missing."""
        told = {name: value for name, value in asdict(self).items() if value is not None}
        for name in ("since", "until"):
            if name in told:
                told[name] = format_time(told[name])
        if "ids" in told:
            told["ids"] = sorted(told["ids"])
        return told


def from_arguments(told: Mapping[str, Any]) -> Order:
    """The order that `arguments` wrote."""
    known = {name: told[name] for name in Order.__slots__ if name in told}
    for name in ("since", "until"):
        if name in known:
            known[name] = parse_time(known[name])
    if "ids" in known:
        known["ids"] = frozenset(known["ids"])
    return Order(**known)


def field_of_id(event_id: str) -> str:
    """The field that an event's id begins with."""
    return event_id.partition(":")[0]


def check(order: Order) -> None:
    """Returns when the order makes sense.

    Raises:
        OrderError: it does not.
    """
    if order.stage == "archive" and order.origin == "archive":
        raise OrderError("--from archive: the archive is what this stage writes; leave it out")
    if order.enrichment is not None and order.stage != "enrich":
        raise OrderError(f"--enrichment is for --stage enrich: {order.stage} asks nobody")
    if order.stage == "enrich" and order.field is not None and order.field not in READ_FROM:
        raise OrderError(f"the Graph API is asked nothing about {order.field}")
    try:
        require_order(order.since, order.until)
    except ValueError as error:
        raise OrderError(str(error)) from error
    if order.ids is None:
        return
    if len(order.ids) > MAX_IDS:
        raise OrderError(f"more than {MAX_IDS} ids: narrow them, or choose by --since and --until")
    for event_id in sorted(order.ids):
        field, _, rest = event_id.partition(":")
        if field not in FIELDS or ":" not in rest:
            raise OrderError(
                f"{event_id[:80]!r} is no event id: those are <field>:<account>:<key>, "
                "such as comments:17841400000000001:17900000000000001. "
                "`hookline trace` finds it by any other id"
            )
    if order.ids and not order.fields:
        raise OrderError(f"none of the ids is of --field {order.field}")
