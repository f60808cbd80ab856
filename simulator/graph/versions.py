"""Which version of the Graph API answers. Pure."""

import re
from datetime import date
from typing import Final

from simulator.graph.errors import unknown_path

ENDS: Final[dict[int, date]] = {
    19: date(2026, 5, 21),
    20: date(2026, 9, 24),
    21: date(2027, 1, 21),
    22: date(2027, 5, 20),
    23: date(2027, 10, 8),
    24: date(2028, 2, 18),
    25: date(2028, 7, 29),
    26: date.max,
}
"""The day each version ends. Source: https://developers.facebook.com/docs/graph-api/changelog"""

_VERSION: Final = re.compile(r"v([0-9]{1,3})\.0", re.ASCII)


def versioned(path: str, today: date, default: str) -> tuple[str, str]:
    """The version that answers on a day, and the path without it.

    One that has ended is not refused: the oldest one alive answers. Without one it is the app's.

    Source: https://developers.facebook.com/docs/graph-api/guides/versioning

    Raises:
        RefusalError: there is no such version yet.
    """
    first, _, rest = path.strip("/").partition("/")
    asked = _VERSION.fullmatch(first)
    if asked is None:
        return versioned(default, today, default)[0], path.strip("/")
    if int(asked[1]) > max(ENDS):
        raise unknown_path(path.strip("/"))
    alive = [number for number, ends in ENDS.items() if ends > today]
    return f"v{max(int(asked[1]), min(alive))}.0", rest
