"""Versions of the Graph API: how long each answers, and when to move on. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import inf
from typing import Final, Literal, TypeAlias

ENDS: Final[dict[str, date | None]] = {
    "v19.0": date(2026, 5, 21),
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
    "v26.0": None,
}
"""Versions that the calls here suit, with the day each one ends; None: not announced.

Source: https://developers.facebook.com/docs/graph-api/changelog
"""

NOTICE: Final = timedelta(days=90)
"""So long before its end a version is told to be near it."""

State: TypeAlias = Literal["good", "ends_soon", "ended", "unknown"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a version stands. `advice` is what to tell an operator; None while all is well."""

    state: State
    ends: date | None
    advice: str | None


def outlook(version: str, today: date) -> Outlook:
    """How `version` stands on a day.

    Calls to a version that has ended are not refused: the oldest one alive answers them, so that
    answers change their form without a word.

    Source: https://developers.facebook.com/docs/graph-api/guides/versioning
    """
    if version not in ENDS:
        known = f"known here are {min(ENDS)} to {max(ENDS)}"
        return Outlook("unknown", None, f"{version} is a version nobody tried; {known}")
    ends = ENDS[version]
    if ends is None or today < ends - NOTICE:
        return Outlook("good", ends, None)
    move = f"set HOOKLINE_GRAPH_VERSION to a later one, {_longest()} at best"
    if today < ends:
        days = (ends - today).days
        return Outlook("ends_soon", ends, f"{version} ends on {ends}, in {days} days: {move}")
    return Outlook("ended", ends, f"{version} ended on {ends}, and another one answers: {move}")


def end_s(of: Outlook) -> float:
    """When a version ends, in Unix seconds; infinite when that is not known."""
    return datetime.combine(of.ends, time(), UTC).timestamp() if of.ends else inf


def _longest() -> str:
    """The version whose end is the farthest of those announced."""
    return max((ends, version) for version, ends in ENDS.items() if ends is not None)[1]
