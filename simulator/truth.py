"""What should come of a delivery. Owns an identity rule of its own, to be compared with theirs.

The rules are those of the public contract (event ids, content hashes, tables), computed here from
what was meant to be sent rather than from the bytes.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from simulator.wire import INSTAGRAM, Entry

Field: TypeAlias = Literal["comments", "live_comments", "mentions", "story_insights", "other"]
Table: TypeAlias = Literal["comments", "mentions", "story_insights", "other_events"]

FIELDS: Final[tuple[Field, ...]] = (
    "comments",
    "live_comments",
    "mentions",
    "story_insights",
    "other",
)

DASHBOARD_ACCOUNT: Final = "0"

_TYPED: Final[Mapping[str, tuple[Field, Table]]] = {
    "comments": ("comments", "comments"),
    "live_comments": ("live_comments", "comments"),
    "mentions": ("mentions", "mentions"),
    "story_insights": ("story_insights", "story_insights"),
}


@dataclass(frozen=True, slots=True)
class SentChange:
    """One change that a delivery carries, and what it is.

    `event_id` is None where the sender cannot know it (dashboard tests are named by the delivery
    id that the receiver gives). `ad` is (media id, ad id or "") for a comment on an ad.
    """

    field: Field
    event_id: str | None
    content_hash: str
    table: Table
    ad: tuple[str, str] | None = None
    caption: bool = False
    metrics: tuple[str, ...] = ()
    suppressed: tuple[str, ...] = ()


def content_hash(value: Any) -> str:
    """sha256 of the canonical JSON: sorted keys, no spaces, UTF-8, lone surrogates escaped."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def changes_of(entry: Entry, object_type: str = INSTAGRAM) -> Iterator[SentChange]:
    """What the changes of `entry` are, in the order in which lists are read."""
    account_id = entry.account_id
    for change in entry.changes:
        yield sent_change(account_id, change.field, change.value, object_type)
    for item in (*entry.messaging, *entry.standby):
        yield sent_item(account_id, item)
    for name in entry.changed_fields:
        yield keyless(account_id, name)
    if entry.flat is not None:
        yield sent_change(account_id, entry.flat.field, entry.flat.value, object_type)


def sent_change(
    account_id: str | None, platform_field: str, value: Any, object_type: str = INSTAGRAM
) -> SentChange:
    """What a field and its value are."""
    typed = _TYPED.get(platform_field) if object_type == INSTAGRAM else None
    if typed is None:
        return sent_item(account_id, value)
    field, table = typed
    key = natural_key(field, value) if account_id is not None else None
    if key is None or account_id == DASHBOARD_ACCOUNT:
        return keyless(account_id, value, field)
    return SentChange(
        field,
        f"{field}:{account_id}:{key}",
        content_hash(value),
        table,
        _ad(value) if table == "comments" else None,
        field == "mentions" and key.endswith(":-"),
        _metrics(value) if table == "story_insights" else (),
        _suppressed(value) if table == "story_insights" else (),
    )


def sent_item(account_id: str | None, item: Any) -> SentChange:
    """What a messaging item is, or a value of a field that has no table of its own."""
    kind = next(iter(_payloads(item)), None)
    sender = item.get("sender") if isinstance(item, dict) else None
    if account_id in (None, DASHBOARD_ACCOUNT) or kind is None or not isinstance(sender, dict):
        return keyless(account_id, item)
    mid = id_text(item[kind].get("mid")) or "-"
    sender_id, timestamp = id_text(sender.get("id")), id_text(item.get("timestamp"))
    if sender_id is None or timestamp is None:
        return keyless(account_id, item)
    event_id = f"other:{account_id}:{kind}:{mid}:{sender_id}:{timestamp}"
    return SentChange("other", event_id, content_hash(item), "other_events")


def keyless(account_id: str | None, value: Any, field: Field = "other") -> SentChange:
    """Something without a natural key: known by its content, or, from a dashboard, by nothing."""
    digest = content_hash(value)
    event_id = f"{field}:{'-' if account_id is None else account_id}:sha256:{digest}"
    is_test = account_id == DASHBOARD_ACCOUNT
    return SentChange(field, None if is_test else event_id, digest, "other_events")


def natural_key(field: Field, value: Any) -> str | None:
    """The part of an event id that comes from the value; None when the value has no key."""
    if not isinstance(value, dict):
        return None
    if field in ("comments", "live_comments"):
        return id_text(value.get("id")) or id_text(value.get("comment_id"))
    media_id = id_text(value.get("media_id"))
    if field == "story_insights" or media_id is None:
        return media_id
    return f"{media_id}:{id_text(value.get('comment_id')) or '-'}"


def id_text(value: Any) -> str | None:
    """An id as text; integers become decimal text, anything else counts as absent."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value) or None


def _payloads(item: Any) -> Iterator[str]:
    if isinstance(item, dict):
        for key, member in item.items():
            if key not in ("sender", "recipient", "timestamp") and isinstance(member, dict):
                yield key


def _ad(value: Mapping[str, Any]) -> tuple[str, str] | None:
    media = value.get("media")
    if not isinstance(media, dict) or not isinstance(media.get("id"), str):
        return None
    named = any(key in media for key in ("ad_id", "ad_title", "original_media_id"))
    if not named and media.get("media_product_type") != "AD":
        return None
    return media["id"], media.get("ad_id", "")


def _metrics(value: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, number in value.items() if _is_number(name, number))


def _suppressed(value: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in _metrics(value) if value[name] == -1)


def _is_number(name: str, number: Any) -> bool:
    return name != "media_id" and isinstance(number, int) and not isinstance(number, bool)
