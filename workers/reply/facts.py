"""What is known of an event once it was read, and whether it may be answered at all. Pure.

Never answered, whatever rules say: our own comments and those of every other connected account
(two of them would answer each other), our own answers, comments of which nobody tells who wrote
them (they may be our own), dashboard tests, live and hidden comments (Meta refuses them), and
events that the webhook did not bring.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from schemas.enriched import ANSWERED, Endpoint, Enriched
from schemas.events import WEBHOOK, parse_time
from schemas.identity import comment_id, is_typed
from schemas.splitting import id_text
from workers.reply.lookup import plain
from workers.reply.reply import Kind

_KINDS: Final[dict[Endpoint, Kind]] = {
    "comment": "comment",
    "mentioned_comment": "comment_mention",
    "mentioned_media": "caption_mention",
}

_OPEN: Final = ("pending", "parked")
"""A comment may still be read. Its text is known before; whether it is hidden is not."""


class Ours(NamedTuple):
    """What is our own.

    Attributes:
        reply_ids: comments that are known to be answers.
        account_ids: our accounts.
        usernames: their names, case-folded.
        unsettled: answers whose ids are not known, or not yet: by their media, what they say, as
            `workers.reply.lookup.plain` has it.
    """

    reply_ids: frozenset[str]
    account_ids: frozenset[str]
    usernames: frozenset[str]
    unsettled: frozenset[tuple[str, str | None]] = frozenset()


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
    if kind != "comment":
        return kind if read.status in ANSWERED else None
    # What stands on an ad can mostly not be read, which would take a day to be sure of.
    may_be_read = read.status in _OPEN and not (read.status == "pending" and _is_on_ad(event.value))
    return None if may_be_read else kind


def is_lost(enriched: Enriched) -> bool:
    """Whether it is a mention that cannot be read: nobody knows what it says."""
    kind = _KINDS.get(enriched.read.endpoint)
    return kind not in (None, "comment") and enriched.read.status == "unreadable"


def mentioned_on(enriched: Enriched) -> str | None:
    """The media that a mention stands on."""
    value = enriched.event.value
    return _id(value.get("media_id")) if isinstance(value, dict) else None


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
    text = _text(value, "text") or _text(answer, "text") or _text(answer, "caption")
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
        or (username is None and author_id is None and _may_be_ours(kind, media_id, text, ours))
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
        text,
        username,
        person(username, author_id),
        min(event.received_at, _time(answer) or event.sent_at or event.received_at),
    )


def _may_be_ours(kind: Kind, media_id: str | None, text: str | None, ours: Ours) -> bool:
    """Whether what nobody is known to have written may be an answer of ours. Who wrote a mention
    is often not told.
    """
    return kind == "comment" or (media_id, plain(text)) in ours.unsettled


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


def _is_on_ad(value: Any) -> bool:
    media = _object(value, "media") if isinstance(value, dict) else {}
    told = (media.get("ad_id"), media.get("ad_title"), media.get("original_media_id"))
    return media.get("media_product_type") == "AD" or any(one is not None for one in told)


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
