"""What was promised of answers against what Meta has and the outbox says. Pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.chaos.check import Check

SETTLED: Final = ("sent", "failed")
LISTED: Final = "unknown"
BEGUN: Final = (*SETTLED, LISTED, "sending")


class Event(NamedTuple):
    """What Meta told of, and what becomes of it by the rules.

    Attributes:
        account_id: to whom it was told.
        target: the comment that is to be answered; the media for a mention in a caption.
        rule: that wants it answered; None: none does.
    """

    event_id: str
    account_id: str
    target: str
    rule: str | None


class Written(NamedTuple):
    """An answer that Meta has."""

    account_id: str
    target: str
    reply_id: str


class Row(NamedTuple):
    """A row of the outbox.

    Attributes:
        alike: the same for answers of an account with the same words below the same comment. Meta
            does not tell which of them answers what.
    """

    reply_key: str
    event_id: str
    rule: str
    account_id: str
    target: str
    state: str
    reason: str | None
    reply_id: str | None
    dry_run: bool
    alike: str

    @property
    def place(self) -> tuple[str, str]:
        """Where its answer stands at Meta."""
        return self.account_id, self.target


@dataclass(frozen=True, slots=True)
class Found:
    """What there is at the end.

    Attributes:
        written: answers at Meta, in order.
        rows: of the outbox.
        left_alone: why an event has no answer, by the tables: by event id.
        listed: keys of what an operator is shown as unknown.
        excused: events that Meta gave a reason to leave alone.
    """

    written: Sequence[Written] = ()
    rows: Sequence[Row] = ()
    left_alone: Mapping[str, str] = field(default_factory=dict)
    listed: Collection[str] = ()
    excused: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the promise.

    Attributes:
        events: that were told of.
        answered: those that have an answer at Meta.
        doubled: answers beyond the first of an event.
        skipped: events that rules want answered, without an answer, a row or a reason.
        states: rows by state; dry runs apart.
    """

    events: int
    answered: int
    doubled: int
    skipped: int
    states: dict[str, int]
    reasons: dict[str, int]
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether all of it was kept."""
        return all(check.holds for check in self.checks)


def judge(events: Iterable[Event], found: Found) -> Verdict:
    """Whether every event was answered once at most, and every row says what became of it."""
    known = {event.event_id: event for event in events}
    wanted = {event_id for event_id, event in known.items() if event.rule is not None}
    writes = Counter((one.account_id, one.target) for one in found.written)
    ids = {(one.account_id, one.target): one.reply_id for one in found.written}
    rows_of = Counter(row.event_id for row in found.rows)
    places = {row.place for row in found.rows}
    real = [row for row in found.rows if not row.dry_run]
    sent = [row for row in real if row.state == "sent"]
    ids_of = defaultdict(set)
    for row in real:
        ids_of[row.alike].add(ids.get(row.place))

    doubled = sum(count - 1 for count in writes.values())
    skipped = len(wanted - set(rows_of) - set(found.left_alone))
    unknown = {row.reply_key for row in real if row.state == LISTED}
    checks = {
        "answers beyond the first of an event": doubled,
        "answers that no row of the outbox knows": sum(
            count for place, count in writes.items() if place not in places
        ),
        "rows beyond the first of an event": sum(count - 1 for count in rows_of.values()),
        "events that rules want, without a row or a reason": skipped,
        "events said not to be answerable, and Meta never said so": len(
            (wanted & set(found.left_alone)) - set(rows_of) - set(found.excused)
        ),
        "rows of events that no rule wants": sum(row.event_id not in wanted for row in found.rows),
        "rows of another rule than the one that wants it": sum(
            row.rule != known[row.event_id].rule for row in found.rows if row.event_id in wanted
        ),
        "sent, and not at Meta once": sum(writes[row.place] != 1 for row in sent),
        "sent, with another id than Meta's": sum(
            row.reply_id not in ids_of[row.alike] for row in sent
        ),
        "sent, with an id that another one has": len(sent) - len({row.reply_id for row in sent}),
        "failed or planned, and at Meta": sum(
            writes[row.place] > 0 for row in real if row.state in ("failed", "planned")
        ),
        "dry runs that are at Meta or were begun": sum(
            writes[row.place] > 0 or row.state in BEGUN for row in found.rows if row.dry_run
        ),
        "left as being sent": sum(row.state == "sending" for row in real),
        "planned, failed or unknown without a reason": sum(
            row.reason is None and row.state not in ("sent", "sending") for row in real
        ),
        "unknown, and not listed": len(unknown - set(found.listed)),
        "listed, and not unknown": len(set(found.listed) - unknown),
    }
    return Verdict(
        len(known),
        len(writes),
        doubled,
        skipped,
        dict(sorted(Counter(row.state for row in real).items())),
        dict(sorted(Counter(f"{row.state}: {row.reason}" for row in real if row.reason).items())),
        tuple(Check(name, 0, count) for name, count in checks.items()),
    )


@dataclass(frozen=True, slots=True)
class DayVerdict:
    """What became of a day in which every answer came back.

    Attributes:
        events: what people wrote.
        answered: answers at Meta.
        came_back: deliveries about what we wrote.
    """

    events: int
    answered: int
    came_back: int
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether people were answered, each once, and nobody answered himself."""
        return all(check.holds for check in self.checks)


def judge_day(
    events: Sequence[Event],
    found: Found,
    came_back: int,
    in_quiet_hours: int,
    most_in_an_hour: int,
    max_per_hour: int,
) -> DayVerdict:
    """Whether everything that people wrote was answered, and nothing that we wrote.

    Args:
        events: what people wrote.
        found: what there is of that day.
        came_back: deliveries about what we wrote.
        in_quiet_hours: answers that were begun then.
        most_in_an_hour: answers of one account that were begun within an hour.
        max_per_hour: how many may be.
    """
    limits = (
        Check("answers begun in quiet hours", 0, in_quiet_hours),
        Check("answers of an account in its busiest hour", 1, most_in_an_hour, max_per_hour),
    )
    checks = (*loop_checks(events, found), *limits, *judge(events, found).checks)
    return DayVerdict(len(events), len(found.written), came_back, checks)


def loop_checks(events: Sequence[Event], found: Found) -> tuple[Check, ...]:
    """Whether everything that people wrote was answered, and nothing that we wrote."""
    ours = {one.reply_id for one in found.written}
    return (
        Check("answers at Meta, one for each event", len(events), len(found.written)),
        Check("answers to our own answers", 0, sum(one.target in ours for one in found.written)),
        Check(
            "answers to our own answers in the outbox",
            0,
            sum(row.target in ours for row in found.rows),
        ),
    )
