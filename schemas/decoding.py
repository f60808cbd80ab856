"""JSON in: from untrusted bytes to Python values. Owns the choice between the two parsers."""

import json
import re
from typing import Any, Final, NoReturn

import orjson

LONG_INTEGER: Final = re.compile(rb"[:,\[\s]-?[0-9]{19}")
"""Digits that may be an integer beyond 64 bits, which orjson would round to a float."""


class UnreadableError(ValueError):
    """Bytes that no parser reads as JSON. `reason` is a stable slug, without any of the content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode(body: bytes) -> Any:
    """The JSON value in `body`, whichever way it is written.

    orjson reads what it reads exactly; lone surrogates, integers beyond 64 bits and deep nesting
    go through the standard parser. Where both read a body they give equal values, so identity
    does not depend on which one did.

    Raises:
        UnreadableError: neither parser reads it (`not_json`, `too_deep`). NaN and Infinity are
            not JSON.
    """
    if not LONG_INTEGER.search(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    return _decode_slowly(body)


def decode_roughly(body: bytes) -> Any:
    """As `decode`, but numbers may have lost digits: for readers that look at names only."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _decode_slowly(body)


def _decode_slowly(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise UnreadableError("too_deep") from error
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, integers of 4300 digits
        raise UnreadableError("not_json") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
