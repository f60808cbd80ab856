"""Nodes of the graph: which fields each type has, and what is told of one. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from simulator.graph.errors import no_subfields, unknown_field
from simulator.graph.fields import Selection


@dataclass(frozen=True, slots=True)
class NodeType:
    """A type of nodes.

    Attributes:
        name: what error messages call it.
        fields: that its nodes may have; asking for any other is an error.
        defaults: told when nothing is asked for, besides the id.
    """

    name: str
    fields: frozenset[str]
    defaults: tuple[str, ...] = ()


def _type(name: str, fields: str, defaults: str = "") -> NodeType:
    return NodeType(name, frozenset(fields.split()) | {"id"}, tuple(defaults.split()))


COMMENT: Final = _type(
    "IGComment",
    "text timestamp username from user like_count hidden media parent_id replies "
    "legacy_instagram_comment_id",
    "timestamp text",
)
"""Source: https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment.md
"""

MEDIA: Final = _type(
    "IGMedia",
    "caption media_type media_product_type media_url thumbnail_url permalink shortcode timestamp "
    "username owner comments_count like_count is_comment_enabled is_shared_to_feed children "
    "comments insights alt_text boost_ads_list boost_eligibility_info copyright_check_information "
    "legacy_instagram_media_id media_audio_type is_ai_generated collaborators reposts_count "
    "saved_count shares_count total_comments_count total_like_count total_views_count",
)
"""Source: https://developers.facebook.com/docs/instagram-platform/reference/instagram-media"""

MENTIONED_COMMENT: Final = _type(
    "IGMentionedComment", "text timestamp like_count media username from", "timestamp text"
)
"""Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/mentioned_comment

`username` and `from` are not listed there, but asked for by public programs.
"""

MENTIONED_MEDIA: Final = _type(
    "IGMentionedMedia",
    "caption comments comments_count like_count media_type media_url owner timestamp username",
)
"""Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/mentioned_media
"""

ACCOUNT: Final = _type(
    "IGUser",
    "ig_id username name biography website profile_picture_url followers_count follows_count "
    "media_count account_type has_profile_pic is_published legacy_instagram_user_id "
    "mentioned_comment mentioned_media",
)
AUTHOR: Final = _type("IGCommentFromUser", "username self_ig_scoped_id", "username")
PAGE: Final = _type(
    "Page", "name access_token tasks category instagram_business_account", "name access_token tasks"
)
USER: Final = _type("User", "name", "name")
APP: Final = _type("Application", "name category link subscribed_fields", "name")

Lookup: TypeAlias = Callable[[Mapping[str, str]], "Node"]
"""Finds a node by the arguments of the field that asks for it."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node with the values of its fields: plain ones, nodes, and lookups of nodes.

    A field without a value is left out of answers, as Meta does. Nothing of what it holds is
    shown: it may be a token.
    """

    type: NodeType
    values: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Node({self.type.name})"


def told(node: Node, asked: Sequence[Selection] | None) -> dict[str, Any]:
    """What an answer tells of a node, in the order asked for; its id always.

    Raises:
        RefusalError: there is no such field, or it holds no node to be asked about.
    """
    answer: dict[str, Any] = {}
    for selection in asked or [Selection(name) for name in node.type.defaults]:
        if selection.name not in node.type.fields:
            raise unknown_field(selection.name, node.type.name)
        value = node.values.get(selection.name)
        if callable(value):
            value = value(selection.arguments)
        if isinstance(value, Node):
            answer[selection.name] = told(value, selection.fields)
        elif value is not None:
            answer[selection.name] = _plain(value, selection)
    if "id" in node.values:
        answer.setdefault("id", node.values["id"])
    return answer


def _plain(value: Any, selection: Selection) -> Any:
    if selection.fields is None:
        return value
    if not isinstance(value, Mapping):
        raise no_subfields(selection.name)
    return {one.name: value[one.name] for one in selection.fields if one.name in value}
