"""What Meta tells about its limits, in the headers of answers. Pure.

Whatever the headers hold, reading them raises nothing: what makes no sense counts as not told.

Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from schemas.decoding import UnreadableError, decode

APP_USAGE: Final = "X-App-Usage"
PAGE_USAGE: Final = "X-Page-Usage"
"""An older form of what is told for Pages; Meta still sends it."""
BUSINESS_USAGE: Final = "X-Business-Use-Case-Usage"
RETRY_AFTER: Final = "Retry-After"

METRICS: Final = ("call_count", "total_cputime", "total_time")
"""Each in percent; calls are refused when one of them reaches 100. Greater ones occur."""

REGAIN: Final = "estimated_time_to_regain_access"
"""In minutes; 0 says that calls are not refused now, not that all is well."""

LONGEST_WAIT: Final = timedelta(hours=24)
"""No window of Meta's is longer: a longer wait is a mistake somewhere."""

_MOST_PERCENT: Final = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer tells; None where it tells nothing.

    Attributes:
        app_percent: used of the app's own limit.
        account_percent: used of the limit for the account that was asked for; the greatest, where
            one is told under several ids and kinds.
        regain: so long calls for that account are refused.
        retry_after: so long to wait, told by the server in front.
    """

    app_percent: float | None = None
    account_percent: float | None = None
    regain: timedelta | None = None
    retry_after: timedelta | None = None


def usage_of(headers: Mapping[str, str]) -> Usage:
    """What an answer's headers tell. `headers` finds names in any case."""
    entries = list(_business_entries(_json(headers.get(BUSINESS_USAGE))))
    page = _percents(_json(headers.get(PAGE_USAGE)))
    minutes = _greatest(_number(entry.get(REGAIN)) for entry in entries)
    return Usage(
        app_percent=_greatest(_percents(_json(headers.get(APP_USAGE)))),
        account_percent=_greatest([*page, *(p for entry in entries for p in _percents(entry))]),
        regain=_wait(minutes * 60) if minutes else None,
        retry_after=_retry_after(headers.get(RETRY_AFTER)),
    )


def greatest(usages: Iterable[Usage]) -> Usage:
    """The most that any of them tells: what holds after several calls that were made together."""
    told = list(usages)
    return Usage(
        app_percent=_greatest(usage.app_percent for usage in told),
        account_percent=_greatest(usage.account_percent for usage in told),
        regain=max((usage.regain for usage in told if usage.regain is not None), default=None),
        retry_after=max(
            (usage.retry_after for usage in told if usage.retry_after is not None), default=None
        ),
    )


def _json(header: str | None) -> Any:
    if header is None:
        return None
    try:
        return decode(header.encode("utf-8", "surrogateescape"))
    except (UnreadableError, UnicodeEncodeError):
        return None


def _business_entries(document: Any) -> Iterator[dict[str, Any]]:
    """`{"<business or account id>": [{"type": …, "call_count": …}]}`, whatever the ids."""
    for entries in document.values() if isinstance(document, dict) else ():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                yield entry


def _percents(metrics: Any) -> Iterator[float]:
    if isinstance(metrics, dict):
        for name in METRICS:
            percent = _number(metrics.get(name))
            if percent is not None:
                yield percent


def _number(value: Any) -> float | None:
    """A number that is not negative, cut at a million."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return float(min(value, _MOST_PERCENT))


def _greatest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _retry_after(header: str | None) -> timedelta | None:
    """Seconds; the other form, a date, would need a clock, and Meta does not send it."""
    if header is None or not header.isascii() or not header.isdecimal() or len(header) > 9:
        return None
    return _wait(int(header)) or None


def _wait(seconds: float) -> timedelta:
    return min(timedelta(seconds=seconds), LONGEST_WAIT)
