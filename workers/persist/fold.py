"""A row as a fold over the distinct contents of its event (design A5). Pure.

Whatever the order, batching and repetition in which contents arrive, the fold of the same set
is the same row: contents are known by their hash, each at the least key told for it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from schemas.identity import ClaimKey

Values: TypeAlias = tuple[Any, ...]
"""Column values, in the order of their target's folded columns."""

Order: TypeAlias = Literal["least", "greatest"]


class Content(NamedTuple):
    """One content of an event, as far as one row shows it."""

    content_hash: str
    key: ClaimKey
    values: Values


class Folded(NamedTuple):
    """A row: its values, the content at its head, and when its last content came."""

    values: Values
    head: Content
    last: ClaimKey
    contents: tuple[Content, ...]


def united(*groups: Iterable[Content]) -> dict[str, Content]:
    """Contents by hash, each once, at its least key."""
    contents: dict[str, Content] = {}
    for group in groups:
        for content in group:
            known = contents.get(content.content_hash)
            if known is None or content.key < known.key:
                contents[content.content_hash] = content
    return contents


def fold(contents: Mapping[str, Content], order: Order) -> Folded:
    """The row of these contents; at least one.

    `least`: each column takes the value of the least key that has one. `greatest`: the row is
    the content with the greatest key, whole, for a metric may turn null.
    """
    ordered = tuple(sorted(contents.values(), key=_by_key))
    last = ordered[-1].key
    if order == "greatest":
        return Folded(ordered[-1].values, ordered[-1], last, ordered)
    if len(ordered) == 1:
        return Folded(ordered[0].values, ordered[0], last, ordered)
    columns = zip(*(content.values for content in ordered), strict=True)
    values = tuple(next((v for v in column if v is not None), None) for column in columns)
    return Folded(values, ordered[0], last, ordered)


def _by_key(content: Content) -> tuple[ClaimKey, str]:
    return content.key, content.content_hash
