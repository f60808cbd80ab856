"""From the body of a delivery to its changes. Owns every body shape that Meta is known to send."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from schemas.canonical import column_text
from schemas.decoding import UnreadableError, decode, decode_roughly
from schemas.fields import FIELDS, Field, field_of

MILLISECONDS_FROM: Final = 100_000_000_000
"""An `entry.time` from here on counts milliseconds, below it seconds (Meta sends both)."""

LATEST_SECONDS: Final = 253_402_300_799
"""The last second of the year 9999: a time beyond it is no time."""

MAX_ID_BYTES: Final = 400
"""A longer id is not one of Meta's: it counts as absent. Five of them fit an index row (2704)."""


MAX_NAME_CHARACTERS: Final = 400

CHANGED_FIELDS: Final = "changed_fields"
"""The list of an entry whose changes are told without their values: the app is set up so.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

_POSITION: Final = re.compile(
    r"([0-9]+)\.(changes|messaging|standby|flat|changed_fields)\.([0-9]+)"
)


class Position(NamedTuple):
    """Where in its delivery a change stood. Orders by entry, list name, index; as numbers."""

    entry: int
    list_name: str
    item: int

    def __str__(self) -> str:
        return f"{self.entry}.{self.list_name}.{self.item}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """The position that `str` wrote. Raises ValueError for any other text."""
        return _position(text)


@lru_cache(maxsize=4096)
def _position(text: str) -> Position:
    """The position that is written there; kept, for nearly all deliveries have the same few."""
    found = _POSITION.fullmatch(text)
    if found is None:
        raise ValueError("not a position")
    return Position(int(found[1]), found[2], int(found[3]))


class Change(NamedTuple):
    """One notification of a delivery, as told, nothing interpreted."""

    position: Position
    object_type: str | None
    account_id: str | None
    field: Field
    platform_field: str | None
    value: Any
    sent_at: datetime | None


def split(body: bytes) -> list[Change]:
    """Every change in `body`, in order. Total: any bytes split or name their reason.

    Raises:
        UnreadableError: the body is not JSON (`not_json`, `too_deep`) or no object in it has a
            list of entries (`no_entry_list`).
    """
    return list(_changes(decode(body)))


def fields_in(body: bytes) -> tuple[Field, ...]:
    """The fields whose raw topics carry this body, in B3's order; never empty.

    A body that cannot be read, or holds no change, belongs to `other`.
    """
    try:
        found = _fields(decode_roughly(body))
    except UnreadableError:
        return ("other",)
    if len(found) == 1:
        return tuple(found)
    return tuple(field for field in FIELDS if field in found) or ("other",)


def _fields(document: Any) -> set[Field]:
    """The fields of `_changes`, at a fifth of its cost: ingest asks this of every body."""
    found: set[Field] = set()
    for envelope in _envelopes(document):
        if not _is_envelope(envelope):
            found.add("other")
            continue
        names: set[str | None] = set()
        for entry in envelope["entry"]:
            names |= _named(entry)
        # Many changes name few fields: each name is looked up once.
        for name in names:
            found.add(field_of(envelope.get("object"), name))
    return found


def _named(entry: Any) -> set[str | None]:
    """The platform fields that an entry's changes name; None is for what names none, or is odd."""
    if not isinstance(entry, dict):
        return {None}
    names: set[str | None] = set()
    present = entry.keys() & _LISTS.keys()
    if not present or ("field" in entry and "value" in entry):
        names.add(_named_by(entry))
    for list_name in present:
        items = entry[list_name]
        if list_name == "changes" and isinstance(items, list):
            names.update(map(_named_by, items))
        elif items or not isinstance(items, list):
            names.add(None)
    return names


def _named_by(change: Any) -> str | None:
    if not isinstance(change, dict) or "value" not in change:
        return None
    name = change.get("field")
    return name if isinstance(name, str) else None


def id_text(value: Any) -> str | None:
    """An id as text, or None. Integers become decimal text; any other type counts as absent.

    Ids exceed 2^53, so no float ever stands for one. Text that is empty, longer than 400
    bytes, or not storable as it is counts as absent as well.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        text = str(value)
    elif isinstance(value, str) and value and column_text(value) == value:
        text = value
    else:
        return None
    return text if len(text.encode()) <= MAX_ID_BYTES else None


def sent_time(value: Any) -> datetime | None:
    """`entry.time` in UTC, from seconds, milliseconds or decimal text of either; else None.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started prints seconds;
    captured deliveries of the messaging family carry milliseconds, dashboard tests text.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    milliseconds = value if value >= MILLISECONDS_FROM else value * 1000
    seconds, rest = divmod(milliseconds, 1000)
    if seconds > LATEST_SECONDS:
        return None
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def _changes(document: Any) -> Iterator[Change]:
    index = 0
    for envelope in _envelopes(document):
        if not _is_envelope(envelope):
            yield _odd(_Entry(index, None, None, None), "flat", 0, envelope)
            index += 1
            continue
        object_type = _name(envelope.get("object"))
        for entry in envelope["entry"]:
            yield from _entry_changes(index, object_type, entry)
            index += 1


def _envelopes(document: Any) -> list[Any]:
    """The top-level objects. Raises UnreadableError when none of them has entries."""
    envelopes = document if isinstance(document, list) else [document]
    if not any(map(_is_envelope, envelopes)):
        raise UnreadableError("no_entry_list")
    return envelopes


def _is_envelope(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("entry"), list)


class _Entry(NamedTuple):
    """What the changes of one entry share."""

    number: int
    object_type: str | None
    account_id: str | None
    sent_at: datetime | None


def _entry_changes(index: int, object_type: str | None, entry: Any) -> Iterator[Change]:
    """The changes of one entry: of all its lists; one without any is a change itself."""
    if not isinstance(entry, dict):
        yield _odd(_Entry(index, object_type, None, None), "flat", 0, entry)
        return
    shared = _Entry(index, object_type, id_text(entry.get("id")), sent_time(entry.get("time")))
    empty = True
    for list_name, read in _LISTS.items():
        if list_name not in entry:
            continue
        empty = False
        items = entry[list_name]
        if not isinstance(items, list):
            yield _odd(shared, list_name, 0, items)
            continue
        for item_index, item in enumerate(items):
            yield read(shared, list_name, item_index, item)
    if "field" in entry and "value" in entry:
        yield _change(shared, "flat", 0, entry)
    elif empty:
        yield _odd(shared, "flat", 0, entry)


def _change(entry: _Entry, list_name: str, index: int, item: Any) -> Change:
    if not isinstance(item, dict) or "value" not in item:
        return _odd(entry, list_name, index, item)
    platform_field = _name(item.get("field"))
    return _build(entry, list_name, index, platform_field, item["value"])


def _messaging(entry: _Entry, list_name: str, index: int, item: Any) -> Change:
    """A messaging item: named by its payload key, and all of it is the value."""
    return _odd(entry, list_name, index, item, payload_key(item))


def _changed_field(entry: _Entry, list_name: str, index: int, item: Any) -> Change:
    """A bare field name: the app's subscription leaves the values out. There is nothing to type."""
    return _odd(entry, list_name, index, item, _name(item))


_LISTS: Final[dict[str, Callable[[_Entry, str, int, Any], Change]]] = {
    "changes": _change,
    "messaging": _messaging,
    "standby": _messaging,
    CHANGED_FIELDS: _changed_field,
}


def _build(
    entry: _Entry, list_name: str, index: int, platform_field: str | None, value: Any
) -> Change:
    return Change(
        Position(entry.number, list_name, index),
        entry.object_type,
        entry.account_id,
        field_of(entry.object_type, platform_field),
        platform_field,
        value,
        entry.sent_at,
    )


def _odd(
    entry: _Entry, list_name: str, index: int, item: Any, platform_field: str | None = None
) -> Change:
    """Something that is no typed change: kept whole, as `other`."""
    change = _build(entry, list_name, index, platform_field, item)
    return change._replace(field="other")


def payload_key(item: Any) -> str | None:
    """The kind of a messaging item: its first key that holds an object, besides the addressing."""
    if not isinstance(item, dict):
        return None
    for key, value in item.items():
        if key not in _ADDRESSING and isinstance(value, dict):
            return id_text(key)
    return None


_ADDRESSING: Final = frozenset({"sender", "recipient", "timestamp"})


def _name(value: Any) -> str | None:
    """A name that Meta gave. No longer than an index takes: the value has it whole."""
    return column_text(value)[:MAX_NAME_CHARACTERS] if isinstance(value, str) else None
