"""The five fields that name topics, events and metrics. Owns how Meta's open set maps to them."""

from typing import Final, Literal, TypeAlias

Field: TypeAlias = Literal["comments", "live_comments", "mentions", "story_insights", "other"]

FIELDS: Final[tuple[Field, ...]] = (
    "comments",
    "live_comments",
    "mentions",
    "story_insights",
    "other",
)

INSTAGRAM: Final = "instagram"
"""The `object` of a delivery about Instagram accounts; any other is foreign.

Source: https://developers.facebook.com/docs/graph-api/webhooks/reference/instagram
"""

_TYPED: Final[dict[str | None, Field]] = {
    "comments": "comments",
    "live_comments": "live_comments",
    "mentions": "mentions",
    "story_insights": "story_insights",
}


def field_of(object_type: str | None, platform_field: str | None) -> Field:
    """The field whose topics carry a change of this platform field.

    Meta's set is open and spelled differently from page to page, so whatever is not one of the
    four typed fields of the `instagram` object is `other`, never an error.
    """
    if object_type != INSTAGRAM:
        return "other"
    return _TYPED.get(platform_field, "other")
