"""Whether our clock goes as others do. It stamps receipts, which decide whose content was first."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from hookline.doctor.finding import Told, green, red, yellow
from hookline.doctor.meta import Clock
from hookline.moments import spoken

WRONG: Final = timedelta(seconds=30)
ASTRAY: Final = timedelta(seconds=5)

CONSEQUENCE: Final = (
    "Times of receipt are wrong, tokens and certificates end too early or too late, and rows of "
    "several replicas are put into a wrong order."
)

REPAIR: Final = "Have the clocks of all machines set by NTP: chrony, systemd-timesyncd."


def judge(seen: Clock, _: datetime) -> Iterator[Told]:
    """How far it is off, beyond what can be told."""
    off = abs(seen.ahead)
    surely = off - seen.within
    direction = "behind" if seen.ahead > timedelta(0) else "ahead"
    told = f"our clock is {spoken(off)} {direction}"
    if surely >= WRONG:
        yield red(told, CONSEQUENCE, REPAIR)
    elif surely >= ASTRAY:
        yield yellow(told, CONSEQUENCE, REPAIR)
    else:
        yield green(f"within {ASTRAY.seconds} s of ours")
