"""Which reads an event asks for. Pure."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from schemas.enriched import Endpoint
from schemas.events import Event
from schemas.fields import Field
from schemas.identity import comment_id, is_typed
from schemas.splitting import id_text

PRIORITIES: Final[dict[Field, int]] = {
    "live_comments": 0,
    "mentions": 1,
    "comments": 2,
    "story_insights": 3,
}
"""The lower, the sooner. Live comments can be read on air only, and nothing tells of their end.

Source: https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment.md
"""

BACKFILL_PRIORITY: Final = 4

READ_FROM: Final = frozenset(PRIORITIES)
"""Fields whose events the Graph API tells more about."""


class Wanted(NamedTuple):
    """One read: a Graph endpoint, and the comment or media to be read."""

    endpoint: Endpoint
    object_id: str


def wanted_by(event: Event) -> list[Wanted]:
    """The reads that an event asks for; none for dashboard tests and events without key or account.

    An ad's comment asks for the organic post, which people know; the ad copy is nobody's page.
    """
    if not is_typed(event.field, event.natural_key) or not isinstance(event.value, dict):
        return []
    if event.account_id is None:
        return []  # nobody could ever be connected for it
    return [read for read in _reads(event.field, event.value) if can_be_asked_for(read.object_id)]


def _reads(field: Field, value: dict[str, Any]) -> Iterator[Wanted]:
    if field in ("comments", "live_comments"):
        endpoint: Endpoint = "comment" if field == "comments" else "live_comment"
        yield Wanted(endpoint, comment_id(value) or "")
        media = value.get("media")
        if isinstance(media, dict):
            organic_id = id_text(media.get("original_media_id"))
            yield Wanted("media", organic_id or id_text(media.get("id")) or "")
    elif field == "mentions":
        found_id = id_text(value.get("comment_id"))
        if found_id is not None:
            yield Wanted("mentioned_comment", found_id)
        else:
            yield Wanted("mentioned_media", id_text(value.get("media_id")) or "")
    else:
        yield Wanted("media", id_text(value.get("media_id")) or "")


def can_be_asked_for(object_id: str) -> bool:
    """Every id of Meta's is a decimal number; anything else has no place in a URL."""
    return object_id.isascii() and object_id.isdecimal()
