"""From an event to the rows that show it. Pure."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from schemas.canonical import column_json, column_text
from schemas.events import Event
from schemas.identity import comment_id, is_typed
from schemas.splitting import MAX_ID_BYTES, id_text
from workers.persist.fold import Content, Values
from workers.persist.targets import (
    AD_SIGHTINGS,
    COMMENTS,
    MENTIONS,
    OTHER_EVENTS,
    STORY_INSIGHTS,
    Target,
)

SUPPRESSED: Final = -1
"""Meta's mark for a story metric of fewer than five: no count, and never to be summed.

Source: https://developers.facebook.com/docs/instagram-api/guides/webhooks/
"""

_BIGINT: Final = range(-(2**63), 2**63)


class RowContent(NamedTuple):
    """What an event tells about one row."""

    target: Target
    key: tuple[str, ...]
    content: Content


def rows_of(event: Event) -> list[RowContent]:
    """The rows of an event; never none.

    An event without its natural key, a dashboard test, and a story that tells no metric are
    kept in `other_events`.
    """
    rows = list(_typed_rows(event)) if is_typed(event.field, event.natural_key) else []
    return rows or [_other(event)]


def _typed_rows(event: Event) -> Iterator[RowContent]:
    value = event.value
    if not isinstance(value, dict) or event.account_id is None:
        return
    if event.field in ("comments", "live_comments"):
        yield from _comment(event, event.account_id, value)
    elif event.field == "mentions":
        yield from _mention(event, event.account_id, value)
    else:
        yield from _metrics(event, event.account_id, value)


def _row(target: Target, key: tuple[str, ...], event: Event, values: Values) -> RowContent:
    return RowContent(target, key, Content(event.content_hash, event.key, values))


def _other(event: Event) -> RowContent:
    values = (
        event.platform_field,
        event.object,
        event.account_id,
        column_json(event.value),
        event.is_test,
        event.sent_at,
    )
    return _row(OTHER_EVENTS, (event.event_id,), event, values)


class _Members:
    """Takes known members out of a value. What is left, or of an unexpected type, is extra."""

    def __init__(self, value: dict[str, Any]) -> None:
        self._left = dict(value)

    def id(self, name: str) -> str | None:
        found = id_text(self._left.get(name))
        if found is not None:
            del self._left[name]
        return found

    def text(self, name: str) -> str | None:
        found = self._left.get(name)
        if not isinstance(found, str):
            return None
        del self._left[name]
        return column_text(found)

    def object(self, name: str) -> "_Members":
        """The members of a nested object; what stays in it stays under its name."""
        nested = self._left.get(name)
        if not isinstance(nested, dict):
            return _Members({})
        members = _Members(nested)
        self._left[name] = members
        return members

    def extra(self) -> str | None:
        """What nobody took, as text for a jsonb column."""
        left = self.left()
        return column_json(left) if left else None

    def left(self) -> dict[str, Any]:
        plain = {
            name: member.left() if isinstance(member, _Members) else member
            for name, member in self._left.items()
        }
        return {name: member for name, member in plain.items() if member not in ({}, None)}


def _comment(event: Event, account_id: str, value: dict[str, Any]) -> Iterator[RowContent]:
    found_id = comment_id(value)
    if found_id is None:
        return
    members = _Members(value)
    if members.id("id") is None:
        members.id("comment_id")
    author, media = members.object("from"), members.object("media")
    media_id, product_type = media.id("id"), media.text("media_product_type")
    ad_id, ad_title = media.id("ad_id"), media.text("ad_title")
    original_media_id = media.id("original_media_id")
    values = (
        members.text("text"),
        author.id("id"),
        author.text("username"),
        event.is_own,
        members.id("parent_id"),
        media_id,
        product_type,
        ad_id,
        ad_title,
        original_media_id,
        event.sent_at,
        members.extra(),
    )
    yield _row(COMMENTS, (account_id, found_id, event.field), event, values)
    if product_type == "AD" or not (ad_id is ad_title is original_media_id is None):
        key = (account_id, found_id, media_id or "", ad_id or "")
        yield _row(AD_SIGHTINGS, key, event, (ad_title, original_media_id))


def _mention(event: Event, account_id: str, value: dict[str, Any]) -> Iterator[RowContent]:
    members = _Members(value)
    media_id, found_id = members.id("media_id"), members.id("comment_id")
    if media_id is None:
        return
    kind = "caption" if found_id is None else "comment"
    values = (kind, event.sent_at, members.extra())
    yield _row(MENTIONS, (account_id, media_id, found_id or ""), event, values)


def _metrics(event: Event, account_id: str, value: dict[str, Any]) -> Iterator[RowContent]:
    media_id = id_text(value.get("media_id"))
    if media_id is None:
        return
    for name, number in value.items():
        metric = column_text(name)
        if name == "media_id" or isinstance(number, bool) or not isinstance(number, int):
            continue
        if number not in _BIGINT or len(metric.encode()) > MAX_ID_BYTES:
            continue
        suppressed = number == SUPPRESSED
        values = (None if suppressed else number, suppressed, event.sent_at)
        yield _row(STORY_INSIGHTS, (account_id, media_id, metric), event, values)
