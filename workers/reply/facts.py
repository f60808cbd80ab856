"""What is known of an event once it was read, and whether it may be answered at all. Pure.

Never answered, whatever rules say: our own comments and those of every other connected account
(two of them would answer each other), our own answers, dashboard tests, live and hidden comments
(Meta refuses them), and events that the webhook did not bring.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from schemas.enriched import ANSWERED, Endpoint, Enriched
from schemas.events import WEBHOOK, parse_time
from schemas.identity import comment_id, is_typed
from schemas.splitting import id_text
from workers.reply.reply import Kind

_KINDS: Final[dict[Endpoint, Kind]] = {
    "comment": "comment",
    "mentioned_comment": "comment_mention",
    "mentioned_media": "caption_mention",
}

_OPEN: Final = ("pending", "parked")
"""A comment may still be read. Its text is known before; whether it is hidden is not."""


class Ours(NamedTuple):
    """What is our own: comments that are answers, and accounts with their names, case-folded."""

    reply_ids: frozenset[str]
    account_ids: frozenset[str]
    usernames: frozenset[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """An event that may be answered. What people wrote, and who they are, is not shown.

    Attributes:
        kind: what it is.
        media_id: where it stands; None where that was not told, which a mention always is.
        comment_id: what is to be answered; None for a caption.
        thread_id: the comment at the top, below which an answer to a comment will stand.
        text: what was written, as far as it is known. Of texts on media of others Meta strips `@`.
        username: who wrote it.
        person: the same, as a key to count by.
        at: when it was written, or else received.
    """

    event_id: str
    account_id: str
    kind: Kind
    media_id: str | None
    comment_id: str | None
    thread_id: str | None
    text: str | None = field(repr=False)
    username: str | None = field(repr=False)
    person: str | None = field(repr=False)
    at: datetime


def kind_of(enriched: Enriched) -> Kind | None:
    """What this is, once its reading is over; None when there is nothing to be decided by it."""
    event, read = enriched.event, enriched.read
    kind = _KINDS.get(read.endpoint)
    if kind is None or not is_typed(event.field, event.natural_key):
        return None
    is_over = read.status not in _OPEN if kind == "comment" else read.status in ANSWERED
    return kind if is_over else None


def facts_of(enriched: Enriched, ours: Ours, *, to_replayed: bool = False) -> Facts | None:
    """What rules decide on; None for what is never answered."""
    event, kind = enriched.event, kind_of(enriched)
    if kind is None or event.account_id is None or not isinstance(event.value, dict):
        return None
    if event.source != WEBHOOK and not to_replayed:
        return None
    value, answer = event.value, enriched.read.answer or {}
    author = _object(value, "from") or _object(answer, "from")
    username = _text(author, "username") or _text(answer, "username")
    author_id = id_text(author.get("id"))
    found_id = _id(comment_id(value) if kind == "comment" else value.get("comment_id"))
    media_id = _id(value.get("media_id")) or _id(_object(value, "media").get("id"))
    is_incomplete = (kind != "caption_mention" and found_id is None) or (
        kind != "comment" and media_id is None
    )
    if (
        is_incomplete
        or event.is_own
        or author_id in ours.account_ids
        or (username is not None and username.casefold() in ours.usernames)
        or found_id in ours.reply_ids
        or answer.get("hidden") is True
        or "LIVE" in (_product_type(value), _product_type(answer))
    ):
        return None
    parent_id = _id(value.get("parent_id")) or _id(answer.get("parent_id"))
    return Facts(
        event.event_id,
        event.account_id,
        kind,
        media_id,
        None if kind == "caption_mention" else found_id,
        (parent_id or found_id) if kind == "comment" else None,
        _text(value, "text") or _text(answer, "text") or _text(answer, "caption"),
        username,
        person(username, author_id),
        min(event.received_at, _time(answer) or event.sent_at or event.received_at),
    )


def person(username: str | None, author_id: str | None) -> str | None:
    """A key for somebody: of the name, which mentions and comments both tell, else of the id."""
    told = username or author_id
    if not told:
        return None
    return hashlib.sha256(told.casefold().encode("utf-8", "surrogatepass")).hexdigest()


def _id(value: Any) -> str | None:
    """An id of Meta's, which is a decimal number. Anything else has no place in a URL."""
    found = id_text(value)
    return found if found is not None and found.isascii() and found.isdecimal() else None


def _product_type(told: dict[str, Any]) -> str | None:
    return _text(_object(told, "media"), "media_product_type")


def _object(members: dict[str, Any], name: str) -> dict[str, Any]:
    found = members.get(name)
    return found if isinstance(found, dict) else {}


def _text(members: dict[str, Any], name: str) -> str | None:
    found = members.get(name)
    return found if isinstance(found, str) and found else None


def _time(answer: dict[str, Any]) -> datetime | None:
    """A time in Meta's form, whose offset has no colon."""
    told = _text(answer, "timestamp")
    try:
        return parse_time(told) if told is not None else None
    except ValueError:
        return None
