"""What deliveries told: comments, mentions, media, whose they are. Owns the reading of bodies.

Deliveries can be told in any order and any number of times: of each object the earliest counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from schemas.decoding import UnreadableError, decode
from simulator.graph.albums import Albums
from simulator.truth import DASHBOARD_ACCOUNT, id_text
from simulator.world import START_S

MILLISECONDS_FROM: Final = 10**11
"""A time of so much and more counts milliseconds."""


@dataclass(frozen=True, slots=True)
class ToldComment:
    """A comment as deliveries have it; None where they do not tell."""

    account_id: str
    text: str | None = None
    author_id: str | None = None
    author_name: str | None = None
    parent_id: str | None = None
    media_id: str | None = None
    product_type: str | None = None
    is_live: bool = False
    at_s: int = START_S
    told_s: float = 0.0

    @property
    def is_on_ad(self) -> bool:
        """Nothing but the ad's form of it was told."""
        return self.product_type == "AD"


@dataclass(frozen=True, slots=True)
class ToldMedia:
    """Media that an account owns."""

    account_id: str
    product_type: str | None = "FEED"
    at_s: int = START_S
    told_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ToldMention:
    """Somebody else's media or comment that names an account."""

    account_id: str
    media_id: str
    at_s: int


class Register:
    """What was told until now, by id. Who owns a part of an album owns the album."""

    def __init__(self, albums: Albums) -> None:
        self._albums = albums
        self.comments: dict[str, ToldComment] = {}
        self.media: dict[str, ToldMedia] = {}
        self.mentions: dict[tuple[str, str], ToldMention] = {}
        """By the id of a comment, or of media for a mention in a caption; and the account."""
        self._foreign: set[str] = set()

    def is_foreign(self, object_id: str) -> bool:
        """Whether it was told to be somebody else's."""
        return object_id in self._foreign

    def add_foreign(self, comment_id: str) -> None:
        """Makes known a comment on somebody else's media: it cannot be read as one of ours."""
        self._foreign.add(comment_id)

    def tell(self, body: bytes, now_s: float) -> int:
        """Takes in a delivery's body, and gives how many changes of it are known now.

        What cannot be read is passed over: what a receiver makes of it is not asked here.
        """
        known = 0
        for account_id, at_s, field, value in _changes(body):
            if field in ("comments", "live_comments"):
                known += self._comment(account_id, at_s, value, field == "live_comments", now_s)
            elif field == "mentions":
                known += self._mention(account_id, at_s, value)
            elif field == "story_insights":
                known += self._story(account_id, at_s, value, now_s)
        return known

    def _comment(
        self, account_id: str, at_s: int, value: dict[str, Any], is_live: bool, now_s: float
    ) -> bool:
        comment_id = id_text(value.get("id")) or id_text(value.get("comment_id"))
        if comment_id is None:
            return False
        media, author = _object(value, "media"), _object(value, "from")
        told = ToldComment(
            account_id=account_id,
            text=_text(value, "text"),
            author_id=id_text(author.get("id")),
            author_name=_text(author, "username"),
            parent_id=id_text(value.get("parent_id")),
            media_id=id_text(media.get("id")),
            product_type=_text(media, "media_product_type"),
            is_live=is_live,
            at_s=at_s,
            told_s=now_s,
        )
        self.comments[comment_id] = _merged(self.comments.get(comment_id), told)
        self._own(told.media_id, ToldMedia(account_id, told.product_type, at_s, now_s))
        organic_id = id_text(media.get("original_media_id"))
        self._own(organic_id, ToldMedia(account_id, "FEED", at_s, now_s))
        return True

    def _mention(self, account_id: str, at_s: int, value: dict[str, Any]) -> bool:
        media_id = id_text(value.get("media_id"))
        if media_id is None:
            return False
        object_id = id_text(value.get("comment_id")) or media_id
        self.mentions.setdefault((object_id, account_id), ToldMention(account_id, media_id, at_s))
        self._foreign |= {object_id, media_id}
        return True

    def _story(self, account_id: str, at_s: int, value: dict[str, Any], now_s: float) -> bool:
        media_id = id_text(value.get("media_id"))
        self._own(media_id, ToldMedia(account_id, "STORY", at_s, now_s))
        return media_id is not None

    def _own(self, media_id: str | None, told: ToldMedia) -> None:
        if media_id is None:
            return
        album_id = self._albums.album_of(media_id, told.product_type)
        for object_id in (media_id, album_id) if album_id else (media_id,):
            known = self.media.get(object_id)
            if known is None or told.at_s < known.at_s:
                self.media[object_id] = told


def _merged(known: ToldComment | None, told: ToldComment) -> ToldComment:
    """The post's form of a comment rather than the ad's; else the earlier one."""
    if known is None:
        return told
    first = min(known, told, key=lambda one: (one.is_on_ad, one.at_s))
    return replace(first, told_s=min(known.told_s, told.told_s))


def _changes(body: bytes) -> Iterator[tuple[str, int, str, dict[str, Any]]]:
    """Account, time, field and value of each change, wherever a delivery may hold it."""
    try:
        document = decode(body.removeprefix(b"\xef\xbb\xbf"))
    except UnreadableError:
        return
    for top in document if isinstance(document, list) else [document]:
        for entry in _list(top, "entry"):
            account_id = id_text(entry.get("id"))
            if account_id is None or account_id == DASHBOARD_ACCOUNT:
                continue
            for change in [*_list(entry, "changes"), entry]:
                field, value = change.get("field"), change.get("value")
                if isinstance(field, str) and isinstance(value, dict):
                    yield account_id, _seconds(entry.get("time")), field, value


def _list(members: Any, name: str) -> list[dict[str, Any]]:
    found = members.get(name) if isinstance(members, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _object(members: dict[str, Any], name: str) -> dict[str, Any]:
    found = members.get(name)
    return found if isinstance(found, dict) else {}


def _text(members: dict[str, Any], name: str) -> str | None:
    found = members.get(name)
    return found if isinstance(found, str) else None


def _seconds(time: Any) -> int:
    """A time in seconds; simulated time's beginning where there is none that makes sense."""
    if isinstance(time, str) and time.isascii() and time.isdecimal() and len(time) < 20:
        time = int(time)
    if not isinstance(time, int) or isinstance(time, bool) or not 0 < time < 10**14:
        return START_S
    return time // 1000 if time >= MILLISECONDS_FROM else time
