"""Lists over several answers: cursors, and the link to what follows. Pure.

Source: https://developers.facebook.com/docs/graph-api/results
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from simulator.graph.errors import wrong_parameter

T = TypeVar("T")

DEFAULT_PAGE_SIZE: Final = 25


def paged(
    items: Sequence[T],
    tell: Callable[[T], dict[str, Any]],
    params: Mapping[str, str],
    most: int,
    path: str,
) -> dict[str, Any]:
    """The part of a list that `limit` and `after` ask for, of at most so many items.

    Raises:
        RefusalError: they make no sense.
    """
    start = _offset(params.get("after"))
    end = min(start + min(_size(params.get("limit")), most), len(items))
    data = [tell(item) for item in items[start:end]]
    if not data:
        return {"data": []}
    cursors = {"before": _cursor(start), "after": _cursor(end)}
    if end >= len(items):
        return {"data": data, "paging": {"cursors": cursors}}
    # Such links hold the token. Who follows them leaves the machine, and asks Meta.
    query = urlencode({**params, "after": cursors["after"]})
    following = f"https://graph.facebook.com/v25.0/{path}?{query}"
    return {"data": data, "paging": {"cursors": cursors, "next": following}}


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"page {offset}".encode()).decode()


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        _, _, offset = base64.urlsafe_b64decode(cursor.encode()).decode().partition("page ")
        return max(int(offset), 0)
    except (binascii.Error, ValueError):
        raise wrong_parameter("Invalid parameter: after") from None


def _size(limit: str | None) -> int:
    if limit is None:
        return DEFAULT_PAGE_SIZE
    if not (limit.isascii() and limit.isdecimal() and 0 < len(limit) < 6):
        raise wrong_parameter("Param limit must be a number")
    return int(limit)
