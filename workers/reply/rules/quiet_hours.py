"""Hours of the day in which nothing is sent. Pure."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d) ?[-–] ?([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


class QuietHours(NamedTuple):
    """From one time of the day up to another, which may be one of the next day."""

    start: time
    end: time

    @classmethod
    def parse(cls, told: object) -> "QuietHours":
        """The hours in a rules file. Raises ValueError, in plain words, if they are none."""
        found = _FORM.fullmatch(told) if isinstance(told, str) else None
        if found is None:
            raise ValueError('must be two times of the day, such as "22:00-07:00"')
        hour, minute, end_hour, end_minute = map(int, found.groups())
        made = cls(time(hour, minute), time(end_hour, end_minute))
        if made.start == made.end:
            raise ValueError("must not end when they begin")
        return made

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def until(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When they end, in UTC; None when it is none of them now.

        Where clocks are set back, an end that comes twice is the next one; one that clocks skip
        comes as soon as it would have.
        """
        local = now.astimezone(zone)
        clock = local.time()
        if self.start < self.end:
            is_quiet = self.start <= clock < self.end
        else:
            is_quiet = clock >= self.start or clock < self.end
        if not is_quiet:
            return None
        day = local.date() if clock < self.end else local.date() + timedelta(days=1)
        end = datetime.combine(day, self.end, zone)
        if end.astimezone(UTC) <= now:
            end = end.replace(fold=1)
        return end.astimezone(UTC)


def parse_zone(told: object) -> ZoneInfo:
    """A time zone in a rules file. Raises ValueError, in plain words, if it is none."""
    if not isinstance(told, str):
        raise ValueError('must be text, such as "Europe/Berlin"')  # noqa: TRY004  # as all others
    try:
        return ZoneInfo(told)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError('is no time zone that is known here; "Europe/Berlin" is one') from error
