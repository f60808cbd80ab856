"""What is known of an event once it was read, and whether it may be answered at all. Pure.

Never answered, whatever rules say: our own comments and those of every other connected account
(two of them would answer each other), our own answers, comments of which nobody tells who wrote
them (they may be our own), dashboard tests, live and hidden comments (Meta refuses them), and
events that the webhook did not bring.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

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

Never: TypeAlias = Literal[
    "untyped", "not_read", "incomplete", "replayed", "ours", "unsigned", "hidden", "live"
]
"""Why something is never answered: `untyped` is a dashboard test, or has no ids; `unsigned` is what
nobody tells who wrote, so that it may be our own; `replayed` is what the webhook did not bring."""


_NO_NAMES: Final[Mapping[str, str]] = {}


class Ours(NamedTuple):
    """What is our own.

    Attributes:
        reply_ids: comments that are known to be answers.
        account_ids: our accounts.
        usernames: their names, case-folded.
        unsettled: answers whose ids are not known, or not yet: by their media, what they say, as
            `workers.reply.lookup.plain` has it.
        names: those of our accounts, by account id, as far as they are known.
    """

    reply_ids: frozenset[str]
    account_ids: frozenset[str]
    usernames: frozenset[str]
    unsettled: frozenset[tuple[str, str | None]] = frozenset()
    names: Mapping[str, str] = _NO_NAMES


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
        received_at: when it was received, by us.
        account_name: of the account.
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
    received_at: datetime
    account_name: str | None = None


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


def stands_on(enriched: Enriched) -> str | None:
    """The media that a mention or a comment stands on, as far as that was told."""
    value = enriched.event.value
    return _media_id(value) if isinstance(value, dict) else None


def facts_of(enriched: Enriched, ours: Ours, *, to_replayed: bool = False) -> Facts | None:
    """What rules decide on; None for what is never answered."""
    found = examined(enriched, ours, to_replayed=to_replayed)
    return found if isinstance(found, Facts) else None


def examined(enriched: Enriched, ours: Ours, *, to_replayed: bool = False) -> Facts | Never:
    """What rules decide on, or why it is never answered."""
    event, kind = enriched.event, kind_of(enriched)
    if not is_typed(event.field, event.natural_key):
        return "untyped"
    if kind is None:
        return "not_read"
    if event.account_id is None or not isinstance(event.value, dict):
        return "incomplete"
    if event.source != WEBHOOK and not to_replayed:
        return "replayed"
    told = _told(kind, event.value, enriched.read.answer or {})
    never = _never(enriched, kind, told, ours)
    if never is not None:
        return never
    return Facts(
        event.event_id,
        event.account_id,
        kind,
        told.media_id,
        None if kind == "caption_mention" else told.comment_id,
        (told.parent_id or told.comment_id) if kind == "comment" else None,
        told.text,
        told.username,
        person(told.username, told.author_id),
        min(event.received_at, told.at or event.sent_at or event.received_at),
        event.received_at,
        ours.names.get(event.account_id),
    )


class _Told(NamedTuple):
    """What the webhook tells of an event, and the Graph API where the webhook does not."""

    comment_id: str | None
    media_id: str | None
    parent_id: str | None
    text: str | None
    username: str | None
    author_id: str | None
    is_hidden: bool
    is_live: bool
    at: datetime | None


def _told(kind: Kind, value: dict[str, Any], answer: dict[str, Any]) -> _Told:
    author = _object(value, "from") or _object(answer, "from")
    return _Told(
        _id(comment_id(value) if kind == "comment" else value.get("comment_id")),
        _media_id(value),
        _id(value.get("parent_id")) or _id(answer.get("parent_id")),
        _text(value, "text") or _text(answer, "text") or _text(answer, "caption"),
        _text(author, "username") or _text(answer, "username"),
        id_text(author.get("id")),
        answer.get("hidden") is True,
        "LIVE" in (_product_type(value), _product_type(answer)),
        _time(answer),
    )


def _never(enriched: Enriched, kind: Kind, told: _Told, ours: Ours) -> Never | None:
    is_ours = (
        enriched.event.is_own
        or told.author_id in ours.account_ids
        or (told.username is not None and told.username.casefold() in ours.usernames)
        or told.comment_id in ours.reply_ids
    )
    reasons: dict[Never, bool | None] = {
        "incomplete": (kind != "caption_mention" and told.comment_id is None)
        or (kind != "comment" and told.media_id is None),
        "ours": is_ours,
        "unsigned": told.username is None and _may_be_ours(kind, told, ours),
        "hidden": told.is_hidden,
        "live": told.is_live,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _may_be_ours(kind: Kind, told: _Told, ours: Ours) -> bool:
    """Whether what is told without a name may be an answer of ours. Who wrote a mention is often
    not told; and by an id alone we may not know ourselves, for one account knows another by an id
    of its own.
    """
    is_unsigned_comment = kind == "comment" and told.author_id is None
    return is_unsigned_comment or (told.media_id, plain(told.text)) in ours.unsettled


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


def _media_id(value: dict[str, Any]) -> str | None:
    return _id(value.get("media_id")) or _id(_object(value, "media").get("id"))


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
