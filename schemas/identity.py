"""Which event a change is. Owns event ids, natural keys and the order of contents (design B4)."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from schemas.canonical import content_hash
from schemas.splitting import Change, Position, id_text, payload_key

DASHBOARD_ACCOUNT: Final = "0"
"""The account id of the App Dashboard's test button.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

ABSENT: Final = "-"
"""Stands in an event id for a part that the delivery did not tell."""


class ClaimKey(NamedTuple):
    """When and where a content was seen. The least one of a content is its claim's key."""

    received_at: datetime
    delivery_id: str
    position: Position


class Identity(NamedTuple):
    """What makes a change the same event as another, and the same content."""

    event_id: str
    natural_key: str
    content_hash: str
    is_test: bool


def identify(change: Change, delivery_id: str) -> Identity:
    """The identity of a change, from its delivery alone.

    `delivery_id` counts only for dashboard tests: every press of the button is its own event.
    """
    digest = content_hash(change.value)
    account_id = change.account_id or ABSENT
    is_test = account_id == DASHBOARD_ACCOUNT
    if is_test:
        natural_key = f"test:{delivery_id}:{change.position}"
    else:
        natural_key = _natural_key(change) or f"sha256:{digest}"
    return Identity(f"{change.field}:{account_id}:{natural_key}", natural_key, digest, is_test)


def account_of(event_id: str) -> str:
    """The account that an event is about; `0` for dashboard tests, `-` where none was told."""
    return event_id.split(":", 2)[1]


def is_typed(field: str, natural_key: str) -> bool:
    """Whether an event goes to its field's own table; all others are stored in `other_events`."""
    return field != "other" and not natural_key.startswith(("sha256:", "test:"))


def is_own(account_id: str | None, value: Any) -> bool | None:
    """Whether the account itself wrote a comment; None when no author is told.

    Source: https://developers.facebook.com/docs/instagram-platform/self-messaging
    """
    author = value.get("from") if isinstance(value, dict) else None
    if not isinstance(author, dict):
        return None
    if author.get("self_ig_scoped_id") is not None:
        return True
    author_id = id_text(author.get("id"))
    return None if author_id is None else author_id == account_id


def comment_id(value: dict[str, Any]) -> str | None:
    """A comment's id: `id`, and `comment_id` in one of the platform's examples.

    Source: https://developers.facebook.com/docs/instagram-platform/webhooks/examples/
    """
    return id_text(value.get("id")) or id_text(value.get("comment_id"))


def _natural_key(change: Change) -> str | None:
    value = change.value
    if not isinstance(value, dict) or change.account_id is None:
        return None
    if change.field in ("comments", "live_comments"):
        return comment_id(value)
    if change.field == "mentions":
        media_id = id_text(value.get("media_id"))
        return media_id and f"{media_id}:{id_text(value.get('comment_id')) or ABSENT}"
    if change.field == "story_insights":
        return id_text(value.get("media_id"))
    return _messaging_key(value)


def _messaging_key(item: dict[str, Any]) -> str | None:
    """`<kind>:<mid or ->:<sender id>:<timestamp>`, for values that carry all that is told there."""
    kind = payload_key(item)
    sender = item.get("sender")
    sender_id = id_text(sender.get("id")) if isinstance(sender, dict) else None
    timestamp = id_text(item.get("timestamp"))
    if kind is None or sender_id is None or timestamp is None:
        return None
    mid = id_text(item[kind].get("mid")) or ABSENT
    return f"{kind}:{mid}:{sender_id}:{timestamp}"
