"""What the Graph API told, into the columns that only it knows. Pure.

The read of the greatest rank decides a row, so that reads merge in any order.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from schemas.canonical import column_json, column_text
from schemas.enriched import ANSWERED, Endpoint, Read
from schemas.events import parse_time
from schemas.fields import Field
from schemas.identity import ABSENT
from schemas.splitting import id_text
from workers.persist.targets import COMMENTS, MENTIONS, Target

ALBUM: Final = "CAROUSEL_ALBUM"

_BIGINT: Final = range(-(2**63), 2**63)

Answer: TypeAlias = dict[str, Any]


class GraphTarget(NamedTuple):
    """A table of events, and how an answer fills the columns that are the Graph's.

    `key` gives the row that a read is about, by the id of its event; None when it is another
    table's.
    """

    target: Target
    columns: tuple[str, ...]
    key: Callable[[str, Read], tuple[str, ...] | None]
    values: Callable[[Answer], tuple[Any, ...]]


class ToldRead(NamedTuple):
    """A read, and the id of the event that asked for it."""

    event_id: str
    read: Read


class GraphRow(NamedTuple):
    """What a read tells about one row."""

    key: tuple[str, ...]
    read: Read


def text_of(answer: Answer, name: str) -> str | None:
    """A text member as PostgreSQL can hold it."""
    found = answer.get(name)
    return column_text(found) if isinstance(found, str) else None


def count_of(answer: Answer, name: str) -> int | None:
    """A number that a bigint holds."""
    found = answer.get(name)
    fits = isinstance(found, int) and not isinstance(found, bool) and found in _BIGINT
    return found if fits else None


def time_of(answer: Answer, name: str) -> datetime | None:
    """A time in Meta's form, whose offset has no colon: `2017-05-19T23:27:28+0000`."""
    found = answer.get(name)
    try:
        return parse_time(found) if isinstance(found, str) else None
    except ValueError:
        return None


def nested(answer: Answer, name: str) -> Answer:
    """A member that is an object; an empty one when it is none."""
    found = answer.get(name)
    return found if isinstance(found, dict) else {}


def _comment(answer: Answer) -> tuple[Any, ...]:
    media, author, hidden = nested(answer, "media"), nested(answer, "from"), answer.get("hidden")
    told = {
        "text": text_of(answer, "text"),
        "from_id": id_text(author.get("id")),
        "from_username": text_of(author, "username") or text_of(answer, "username"),
        "parent_id": id_text(answer.get("parent_id")),
        "media_id": id_text(media.get("id")),
        "media_type": text_of(media, "media_type"),
        "media_product_type": text_of(media, "media_product_type"),
        "permalink": text_of(media, "permalink"),
    }
    known = {name: value for name, value in told.items() if value is not None}
    return (
        id_text(media.get("id")) if media.get("media_type") == ALBUM else None,
        time_of(answer, "timestamp"),
        count_of(answer, "like_count"),
        hidden if isinstance(hidden, bool) else None,
        column_json(known),
    )


def _mention(answer: Answer) -> tuple[Any, ...]:
    """Of a comment, whose media is nested, or of media, whose text is its caption."""
    media = nested(answer, "media")
    return (
        text_of(answer, "text") or text_of(answer, "caption"),
        text_of(answer, "media_type") or text_of(media, "media_type"),
        text_of(answer, "media_url") or text_of(media, "media_url"),
        text_of(answer, "username"),
        time_of(answer, "timestamp"),
        count_of(answer, "like_count"),
    )


def _comment_key(_: str, read: Read) -> tuple[str, ...] | None:
    field = _FIELDS.get(read.endpoint)
    return None if field is None else (read.account_id, read.object_id, field)


def _mention_key(event_id: str, read: Read) -> tuple[str, ...] | None:
    """The media is in the event's id alone; its last part is the comment's, a number."""
    if read.endpoint not in ("mentioned_comment", "mentioned_media"):
        return None
    natural_key = event_id.removeprefix(f"mentions:{read.account_id}:")
    media_id, _, comment_id = natural_key.rpartition(":")
    return (read.account_id, media_id, "" if comment_id == ABSENT else comment_id)


_FIELDS: Final[dict[Endpoint, Field]] = {"comment": "comments", "live_comment": "live_comments"}

GRAPH_COMMENTS: Final = GraphTarget(
    COMMENTS,
    ("album_id", "commented_at", "like_count", "hidden", "graph"),
    _comment_key,
    _comment,
)
GRAPH_MENTIONS: Final = GraphTarget(
    MENTIONS,
    ("text", "media_type", "media_url", "username", "mentioned_at", "like_count"),
    _mention_key,
    _mention,
)
GRAPH_TARGETS: Final = (GRAPH_COMMENTS, GRAPH_MENTIONS)


class MediaRow(NamedTuple):
    """A row of `media`."""

    media_id: str
    account_id: str
    media_type: str | None
    media_product_type: str | None
    permalink: str | None
    caption: str | None
    posted_at: datetime | None
    album_id: str | None
    fetched_at: datetime


def graph_rows(target: GraphTarget, told: Iterable[ToldRead]) -> list[GraphRow]:
    """What the reads tell about a table's rows: for each row the one of the greatest rank."""
    found: dict[tuple[str, ...], Read] = {}
    for event_id, read in told:
        key = target.key(event_id, read)
        if key is not None:
            found[key] = max(found.get(key, read), read, key=lambda read: read.rank)
    return [GraphRow(key, found[key]) for key in sorted(found)]


def media_rows(told: Iterable[ToldRead]) -> list[MediaRow]:
    """The media that were read, each as it was told last."""
    found: dict[str, Read] = {}
    for _, read in told:
        if read.endpoint == "media" and read.status in ANSWERED:
            known = found.get(read.object_id)
            found[read.object_id] = max(known or read, read, key=lambda read: read.rank)
    return [_media(found[media_id]) for media_id in sorted(found)]


def _media(read: Read) -> MediaRow:
    answer = read.answer or {}
    media_type = text_of(answer, "media_type")
    return MediaRow(
        read.object_id,
        read.account_id,
        media_type,
        text_of(answer, "media_product_type"),
        text_of(answer, "permalink"),
        text_of(answer, "caption"),
        time_of(answer, "timestamp"),
        read.object_id if media_type == ALBUM else None,
        read.read_at,
    )
