"""The tables that events end in, and how each is folded. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table

from schemas.tables import ad_sightings, comments, mentions, other_events, story_insights
from workers.persist.fold import Order, Values

HEAD: Final = ("delivery_id", "position", "content_hash")
"""Which content is at the head of a row: the first by key, or the last where order is greatest."""


@dataclass(frozen=True, eq=False)
class Target:
    """One table. `received` holds the head's time, `last_received` that of the last content."""

    table: Table
    key: tuple[str, ...]
    folded: tuple[str, ...]
    received: str
    last_received: str | None = None
    order: Order = "least"
    derived: Mapping[str, Callable[[Mapping[str, Any]], Any]] | None = None

    def derive(self, values: Values) -> Values:
        """The columns that follow from folded ones."""
        if not self.derived:
            return ()
        named = dict(zip(self.folded, values, strict=True))
        return tuple(function(named) for function in self.derived.values())


def _canonical_media_id(row: Mapping[str, Any]) -> Any:
    """The organic post that an ad was made from, where it is known, else the media itself."""
    return row["original_media_id"] or row["media_id"]


COMMENTS: Final = Target(
    comments,
    key=("account_id", "comment_id", "field"),
    folded=(
        "text",
        "from_id",
        "from_username",
        "is_own",
        "parent_id",
        "media_id",
        "media_product_type",
        "ad_id",
        "ad_title",
        "original_media_id",
        "sent_at",
        "extra",
    ),
    received="first_received_at",
    last_received="last_received_at",
    derived={"canonical_media_id": _canonical_media_id},
)

AD_SIGHTINGS: Final = Target(
    ad_sightings,
    key=("account_id", "comment_id", "media_id", "ad_id"),
    folded=("ad_title", "original_media_id"),
    received="first_received_at",
)

MENTIONS: Final = Target(
    mentions,
    key=("account_id", "media_id", "comment_id"),
    folded=("kind", "sent_at", "extra"),
    received="first_received_at",
    last_received="last_received_at",
)

STORY_INSIGHTS: Final = Target(
    story_insights,
    key=("account_id", "media_id", "metric"),
    folded=("value", "suppressed", "sent_at"),
    received="received_at",
    order="greatest",
)

OTHER_EVENTS: Final = Target(
    other_events,
    key=("event_id",),
    folded=("platform_field", "object", "account_id", "value", "is_test", "sent_at"),
    received="received_at",
)
