"""Whether the workers run, and read in time before Kafka deletes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.facts import Behind, Facts, Group
from hookline.doctor.finding import Told, Unseen, ask, green, red, yellow
from hookline.moments import spoken

ROOT: Final = "workers"

LATE: Final = timedelta(minutes=15)
"""What waits for longer does not come "within seconds"."""

DANGER: Final = timedelta(days=1)

_WITHOUT: Final = {
    "archive": "Deliveries are in no table; Kafka deletes them after its retention.",
    "dedupe": "No event is made: no row comes.",
    "persist": "No row comes.",
    "enrich": "Texts of mentions, times, likes and albums do not come.",
    "reply": "Nothing is answered.",
}


class Running(NamedTuple):
    """A worker's group, and whether there is something for it to do."""

    group: Group
    is_wanted: bool


class Lag(NamedTuple):
    """A worker's place in one topic."""

    worker: str
    behind: Behind


def judge_running(seen: Running, _: datetime) -> Iterator[Told]:
    """Whether it has a replica."""
    worker, members = seen.group.worker, seen.group.members
    consequence = _WITHOUT.get(worker, "What it does is not done.")
    repair = f"Start it: hookline worker {worker}. If it does not stay, its log tells why."
    if members:
        yield green(f"replicas that read: {members}")
    elif seen.is_wanted:
        yield red("it does not run", consequence, repair)
    else:
        yield ask("it does not run", consequence, f"Is that wanted? Otherwise: {repair}")


def judge_retention(seen: Lag, now: datetime) -> Iterator[Told]:
    """How long until Kafka may delete what was not read, and how late rows are."""
    worker, (records, gone, oldest_at, retention) = seen
    behind = f"records that wait: {records:,}"
    start = f"See to worker {worker}: does it run, is its breaker open, is it too slow? More "
    start += f"replicas help: hookline worker {worker} --replica 2."
    if gone:
        yield red(
            f"records that are gone and it has not read: {gone:,}",
            "Kafka's retention came first. The range becomes a row of hookline.gaps.",
            "Start the worker, then hookline replay --from archive for what the archive has.",
        )
    elif oldest_at is None:
        yield green("nothing waits" if not records else behind)
    else:
        age = now - oldest_at
        left = None if retention is None else retention - age
        told = f"{behind}, the oldest for {spoken(age)}"
        if left is not None and retention is not None and left < max(DANGER, retention / 4):
            may = f"it in {spoken(left)}" if left > timedelta(0) else "it at any moment"
            yield red(f"{told}; Kafka may delete {may}", "What is deleted unread is lost.", start)
        elif age >= LATE:
            yield yellow(told, "Rows are late.", start)
        else:
            yield green(told)


def _running(facts: Facts) -> Subjects[Running]:
    if isinstance(facts.groups, Unseen):
        return [("workers", facts.groups)]
    return [
        (f"worker {group.worker}", Running(group, _is_wanted(group.worker, facts)))
        for group in facts.groups
    ]


def _is_wanted(worker: str, facts: Facts) -> bool:
    """Without accounts nothing is read; whether something is to be answered, only rules tell."""
    if worker == "enrich":
        return bool(facts.accounts) or isinstance(facts.accounts, Unseen)
    return worker != "reply"


def _lags(facts: Facts) -> Subjects[Lag]:
    if isinstance(facts.groups, Unseen):
        return [("workers", facts.groups)]
    return [
        (f"{group.worker} {topic}", Lag(group.worker, behind))
        for group in facts.groups
        for topic, behind in group.topics.items()
    ]


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        ROOT,
        "That each worker has a replica in its consumer group. `enrich` is needed where accounts "
        "are connected; `reply` only where something is to be answered.",
        "What it does is not done: no rows, or rows that are not enriched.",
        "`hookline worker NAME`; its log tells why it does not stay.",
        ("groups", "accounts"),
        _running,
        judge_running,
    ),
    Check(
        "retention",
        "What each worker has not read of each topic, against the time that Kafka keeps it: red "
        f"below a day or a quarter of that time, yellow when rows are {LATE.seconds // 60} min "
        "late.",
        "What is deleted unread is lost.",
        "Start the worker, or more replicas of it.",
        ("groups",),
        _lags,
        judge_retention,
    ),
)
