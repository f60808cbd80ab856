"""Whether PostgreSQL is there, at our revision, with partitions for what is to come."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.checks import clock
from hookline.doctor.facts import Database, Facts
from hookline.doctor.finding import Told, Unseen, ask, green, red, yellow
from hookline.doctor.meta import Clock
from runtime.partitions import months

ROOT: Final = "database"
REVISION: Final = "revision"

MIGRATE: Final = "hookline migrate"


def judge_reachable(_: Database, __: datetime) -> Iterator[Told]:
    """It answered."""
    yield green("it answers")


def judge_revision(seen: Database, _: datetime) -> Iterator[Told]:
    """Revisions are numbered."""
    if seen.revision is None or seen.revision < seen.needed:
        yield red(
            f"it is at revision {seen.revision or 'none'}, and must be at {seen.needed}",
            "Workers do not start.",
            MIGRATE,
            fix="migrate",
        )
    elif seen.revision > seen.needed:
        yield yellow(
            f"it is at revision {seen.revision}, and this release knows {seen.needed}",
            "A newer release has migrated it.",
            "Run that release here too.",
        )
    else:
        yield green(f"at {seen.revision}")


def judge_partitions(seen: Database, now: datetime) -> Iterator[Told]:
    """This month's, and the next one's."""
    today = now.astimezone(UTC).date()
    needed = [f"{first:%Y_%m}" for first, _ in islice(months(today, 1), 2)]
    for table, found in sorted(seen.months.items()):
        missing = [month for month in needed if month not in found]
        if missing:
            yield red(
                f"there is none for {', '.join(missing)}",
                "Rows go into the default partition, where old ones cannot be dropped by month.",
                f"{MIGRATE}; worker archive makes them too, if it runs",
                fix="migrate",
                subject=table,
            )
        elif table in seen.strays:
            yield yellow(
                "rows stand outside all months, in its default partition",
                "They are found all the same; a partition for their month cannot be made.",
                "See what they are: deliveries received long ago, or with a wrong clock.",
                subject=table,
            )
        else:
            yield green(f"until {max(found)}", table)


def judge_size(seen: Database, _: datetime) -> Iterator[Told]:
    """What room there is its server tells nobody."""
    yield ask(
        f"the database takes {size(seen.size_bytes)}",
        "When its disk is full, no row comes and Kafka's retention runs.",
        "Does that machine have room? df there tells.",
    )


def size(number: int) -> str:
    """Bytes, for people."""
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB")):
        if number >= 1024**power:
            return f"{number / 1024**power:,.1f} {unit}"
    return f"{number / 1024:,.0f} KiB"


def _seen(facts: Facts) -> Subjects[Database]:
    return [("PostgreSQL", facts.database)]


def _revised(facts: Facts) -> Subjects[Database]:
    """Before it was migrated there are no tables."""
    seen = facts.database
    if isinstance(seen, Database) and not seen.months:
        return [("PostgreSQL", Unseen("there are no tables", REVISION))]
    return [("PostgreSQL", seen)]


def _clock(facts: Facts) -> Subjects[Clock]:
    seen = facts.database
    return [("PostgreSQL", seen if isinstance(seen, Unseen) else seen.clock)]


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        ROOT,
        "That PostgreSQL answers at HOOKLINE_DATABASE_URL, in time.",
        "No row comes. Deliveries are still taken, and wait in Kafka.",
        "See that it runs, and that HOOKLINE_DATABASE_URL is right.",
        ("database",),
        _seen,
        judge_reachable,
    ),
    Check(
        REVISION,
        "The revision of the database against the one that this release needs.",
        "Workers do not start.",
        f"`{MIGRATE}`",
        ("database",),
        _seen,
        judge_revision,
    ),
    Check(
        "partitions",
        "Partitions of `deliveries` and `sightings` for this month and the next.",
        "Rows go into the default partition.",
        f"`{MIGRATE}`",
        ("database",),
        _revised,
        judge_partitions,
    ),
    Check(
        "clock_database",
        f"Our clock against PostgreSQL's: {clock.ASTRAY.seconds} s are too many, "
        f"{clock.WRONG.seconds} s are red.",
        clock.CONSEQUENCE,
        clock.REPAIR,
        ("database",),
        _clock,
        clock.judge,
    ),
    Check(
        "database_size",
        "How much the database takes. What room its disk has, only that machine tells.",
        "Never red by itself.",
        "`df` there.",
        ("database",),
        _seen,
        judge_size,
    ),
)
