"""Whether the disks that we can see have room."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.checks.database import size
from hookline.doctor.facts import Disk, Facts
from hookline.doctor.finding import Told, Unseen, green, red, yellow

SLUG: Final = "disk"

LEAST_BYTES: Final = 1024**3
LITTLE_SHARE: Final = 0.1


def judge(seen: Disk, _: datetime) -> Iterator[Told]:
    """Free space against what is needed there."""
    free = f"{size(seen.free_bytes)} of {size(seen.total_bytes)} are free"
    repair = "Make room, or put it on a larger disk."
    if seen.free_bytes < LEAST_BYTES:
        yield red(free, "When it is full, what is to be kept there is refused.", repair)
    elif seen.free_bytes < seen.needs_bytes:
        yield yellow(
            f"{free}, and it may take {size(seen.needs_bytes)}",
            "It would be full before its limit, and deliveries be refused with 503.",
            repair,
        )
    elif seen.free_bytes < LITTLE_SHARE * seen.total_bytes:
        yield yellow(free, "When it is full, what is to be kept there is refused.", repair)
    else:
        yield green(free)


def _subjects(facts: Facts) -> Subjects[Disk]:
    if isinstance(facts.disks, Unseen):
        return [("disks", facts.disks)]
    return [(one.what if isinstance(one, Disk) else "folder", one) for one in facts.disks]


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        SLUG,
        "Room under HOOKLINE_INGEST_SPOOL_DIR, and under the folder of `--data`, where the doctor "
        f"runs on the same machine: red below {LEAST_BYTES // 1024**3} GiB, yellow below "
        f"{LITTLE_SHARE:.0%} or what the spool may take.",
        "When it is full, deliveries are refused, or no row comes.",
        "Make room.",
        ("disks",),
        _subjects,
        judge,
    ),
)
