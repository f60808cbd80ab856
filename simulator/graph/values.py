"""The values of nodes' fields: as told by deliveries, the rest drawn from ids. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from simulator.graph import nodes
from simulator.graph.albums import is_album
from simulator.graph.chance import digits, letters, number, pick
from simulator.graph.directory import Account
from simulator.graph.nodes import Node
from simulator.graph.options import DAY_S
from simulator.graph.register import ToldComment, ToldMedia, ToldMention
from simulator.texts import CAPTIONS, COMMENTS, MENTIONS
from simulator.world import START_S

Values: TypeAlias = dict[str, Any]

ALBUM: Final = "CAROUSEL_ALBUM"

_LONGEST_AGE_S: Final = int(30 * DAY_S)

_STORY_AGE_S: Final = int(DAY_S) + 3600
"""A story is up for a day; its insights are told one hour later."""

_PAGES: Final[Mapping[str | None, str]] = {"REELS": "reel", "STORY": "stories"}


def account_values(account: Account) -> Values:
    """What an account tells of itself."""
    return {
        "ig_id": digits(10, "ig_id", account.id),
        "username": account.username,
        "name": account.page_name,
        "followers_count": number(10**6, "followers", account.id),
        "follows_count": number(1000, "follows", account.id),
        "media_count": 20,
    }


def comment_values(comment_id: str, told: ToldComment, media: Node | None) -> Values:
    """A comment. Its author is told, other than some webhooks do."""
    author = author_of(comment_id, told.author_id, told.author_name)
    return {
        "timestamp": timestamp(told.at_s - number(20, "age", comment_id)),
        "text": told.text,
        "username": author.values["username"],
        "from": author,
        "like_count": number(40, "likes", comment_id),
        "hidden": number(50, "hidden", comment_id) == 0,
        "parent_id": told.parent_id,
        "media": media,
    }


def media_values(media_id: str, told: ToldMedia, username: str, *, is_part: bool) -> Values:
    """Media of an account. A part of an album has neither caption nor page.

    Source: https://developers.facebook.com/docs/instagram-platform/reference/instagram-media
    """
    is_story = told.product_type == "STORY"
    age_s = _STORY_AGE_S if is_story else number(_LONGEST_AGE_S, "age", media_id)
    shortcode = f"C{letters('shortcode', media_id)[:10]}"
    values: Values = {
        "media_type": _media_type(media_id, told.product_type),
        "media_product_type": told.product_type or "FEED",
        "media_url": _media_url(media_id),
        "timestamp": timestamp((told.at_s if is_story else START_S) - age_s),
        "username": username,
        "owner": Node(nodes.ACCOUNT, {"id": told.account_id}),
        "shortcode": shortcode,
    }
    if is_part:
        return values
    page = _PAGES.get(told.product_type, "p")
    return values | {
        "caption": pick(CAPTIONS, "caption", media_id),
        "permalink": f"https://www.instagram.com/{page}/{shortcode}/",
        "like_count": number(3000, "likes", media_id),
        "comments_count": number(300, "comments", media_id),
    }


def mentioned_comment_values(comment_id: str, told: ToldMention, account: Account) -> Values:
    """A comment on somebody else's media."""
    author = author_of(comment_id)
    media = mentioned_media_values(told.media_id, told, account)
    return {
        "timestamp": timestamp(told.at_s - number(20, "age", comment_id)),
        "text": pick(MENTIONS, "text", comment_id).format(account=account.username),
        "like_count": number(30, "likes", comment_id),
        "username": author.values["username"],
        "from": author,
        "media": Node(nodes.MENTIONED_MEDIA, {**media, "id": told.media_id}),
    }


def mentioned_media_values(media_id: str, told: ToldMention, account: Account) -> Values:
    """Somebody else's media."""
    return {
        "caption": pick(MENTIONS, "caption", media_id).format(account=account.username),
        "media_type": pick(("IMAGE", "VIDEO", ALBUM), "type", media_id),
        "media_url": _media_url(media_id),
        "timestamp": timestamp(told.at_s - number(7200, "age", media_id)),
        "like_count": number(5000, "likes", media_id),
        "comments_count": number(200, "comments", media_id),
        "username": author_of(media_id).values["username"],
    }


def author_of(object_id: str, told_id: str | None = None, told_name: str | None = None) -> Node:
    """Who wrote something; somebody drawn where that was not told."""
    drawn = number(5000, "author", object_id)
    values = {
        "id": told_id or f"{1_281_680_000_000_000 + drawn * 7919}",
        "username": told_name or f"user_{drawn}",
    }
    return Node(nodes.AUTHOR, values)


def drawn_comment(comment_id: str, account_id: str) -> ToldComment:
    """A comment that no delivery told of."""
    return ToldComment(
        account_id=account_id,
        text=pick(COMMENTS, "text", comment_id),
        media_id=f"18{account_id[-9:]}{number(20, 'media of', comment_id):06d}",
        product_type="FEED",
        at_s=_drawn_time_s(comment_id),
    )


def drawn_mention(object_id: str, account_id: str) -> ToldMention:
    """A mention that no delivery told of."""
    media_id = f"180{digits(14, 'media of', object_id)}"
    return ToldMention(account_id, media_id, _drawn_time_s(object_id))


def _media_type(media_id: str, product_type: str | None) -> str:
    if is_album(media_id):
        return ALBUM
    if product_type in ("REELS", "LIVE"):
        return "VIDEO"
    return pick(("IMAGE", "IMAGE", "VIDEO"), "type", media_id)


def _media_url(media_id: str) -> str:
    return f"https://media.example/{media_id}.jpg"


def _drawn_time_s(object_id: str) -> int:
    return START_S - number(_LONGEST_AGE_S, "time", object_id)


def timestamp(at_s: int) -> str:
    """A time as Meta writes it: an offset without a colon."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
