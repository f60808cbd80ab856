"""Moments and durations as people write and read them. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_AGO: Final = re.compile(r"([0-9]{1,6})(s|m|h|d|w)", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment meant by `2026-11-22T08:00:00Z`, or by `2h` or `3d` before `now`.

    Raises:
        ValueError: the text is neither; its message says what is.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            f"{text!r} is no moment: write 2026-11-22T08:00:00Z, or 30m, 2h, 3d for so long ago"
        )
    return moment


def shown(moment: datetime) -> str:
    """A moment for a person, to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def require_order(since: datetime | None, until: datetime | None) -> None:
    """Returns when something can lie between two moments, or one of them is not given.

    Raises:
        ValueError: nothing can; its message names the options.
    """
    if since is not None and until is not None and since >= until:
        raise ValueError(f"--since {since.isoformat()} is not before --until {until.isoformat()}")


def spoken(time: timedelta | None) -> str:
    """A duration in its two greatest units, such as `3 d 4 h`; a dash for what is unknown."""
    if time is None:
        return "–"
    seconds = max(int(time.total_seconds()), 0)
    parts = [
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    first = next((index for index, (value, _) in enumerate(parts) if value), len(parts) - 1)
    return " ".join(f"{value} {unit}" for value, unit in parts[first : first + 2] if value) or "0 s"
