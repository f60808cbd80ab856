"""JSON out: one exact text for each value. Owns content hashes and what jsonb columns hold."""

import hashlib
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any, Final

import orjson

REPLACEMENT: Final = "�"
"""Stands in columns for what PostgreSQL text cannot hold: NUL and lone surrogates."""

_SURROGATES: Final = dict.fromkeys(range(55296, 57344), REPLACEMENT)
_UNSTORABLE: Final = {0: REPLACEMENT, **_SURROGATES}


def canonical_json(value: Any) -> bytes:
    r"""The one text of a JSON value: sorted keys, no spaces, UTF-8.

    Integers are exact, other numbers are written as Python's `repr`, lone surrogates as `\udxxx`.
    Any nesting depth is written: the walk keeps its own stack. `decoding.decode` reads it back.
    """
    if not _has_float(value):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # lone surrogates, integers beyond 64 bits, deep nesting
            pass
    return _write(value, _exact_string)


def _has_float(value: Any) -> bool:
    """Whether there is a number that orjson writes in another form than `repr`."""
    pending = [value]
    while pending:
        item = pending.pop()
        kind = type(item)
        if kind is dict:
            pending.extend(item.values())
        elif kind is list:
            pending.extend(item)
        elif kind is float:
            return True
    return False


def content_hash(value: Any) -> str:
    """sha256, in lower-case hex, of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def column_text(text: str) -> str:
    """`text` as a PostgreSQL column can hold it: NUL and lone surrogates become U+FFFD."""
    if text.isascii():
        return text.replace("\0", REPLACEMENT) if "\0" in text else text
    return text.translate(_UNSTORABLE)


def column_json(value: Any) -> str:
    """`value` as text for a jsonb column."""
    return _write(value, _storable_string).decode()


def _exact_string(text: str) -> bytes:
    encoded: str = encode_basestring(text)
    return encoded.encode("utf-8", "backslashreplace")


def _storable_string(text: str) -> bytes:
    return _exact_string(column_text(text))


def _write(value: Any, string: Callable[[str], bytes]) -> bytes:
    out: list[bytes] = []
    # What is still to be written, last first. JSON has no bytes, so bytes here are punctuation.
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, bytes):
            out.append(item)
        elif isinstance(item, str):
            out.append(string(item))
        elif item is None:
            out.append(b"null")
        elif isinstance(item, bool):
            out.append(b"true" if item else b"false")
        elif isinstance(item, int):
            out.append(b"%d" % item)
        elif isinstance(item, float):
            out.append(repr(item).encode())
        elif isinstance(item, dict):
            _push_object(pending, item, string)
        else:
            _push_array(pending, item)
    return b"".join(out)


def _push_object(pending: list[Any], item: dict[str, Any], string: Callable[[str], bytes]) -> None:
    pending.append(b"}")
    keys = sorted(item, reverse=True)
    for key in keys:
        pending.append(item[key])
        pending.append(b"," + string(key) + b":")
    if keys:
        pending[-1] = pending[-1][1:]
    pending.append(b"{")


def _push_array(pending: list[Any], item: list[Any]) -> None:
    pending.append(b"]")
    for member in reversed(item):
        pending.append(member)
        pending.append(b",")
    if item:
        pending.pop()
    pending.append(b"[")
