"""JSON in: from untrusted bytes to Python values. Owns the choice between the two parsers."""

import json
import math
import re
from typing import Any, Final, NoReturn

import orjson

LONG_INTEGER: Final = re.compile(rb"(?:^|[:,\[\s])-?[0-9]{19}")
"""Digits that may be an integer beyond 64 bits, which orjson would round to a float."""

_DIGITS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_NINETEEN: Final = b"0" * 19
"""With every digit made a zero, a plain search finds whether the expression need look at all: it
reads a body at a tenth of the speed."""

MAX_DEPTH: Final = 800
"""Levels of nesting. Both parsers reach it on every Python, so all services judge alike."""


class UnreadableError(ValueError):
    """Bytes that no parser reads as JSON. `reason` is a stable slug, without any of the content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode(body: bytes) -> Any:
    """The JSON value in `body`, whichever way it is written.

    orjson reads what it reads exactly; lone surrogates and integers beyond 64 bits go through
    the standard parser. Where both read a body they give equal values, so identity does not
    depend on which one did.

    Raises:
        UnreadableError: neither parser reads it (`not_json`), or it is nested deeper than 800
            levels (`too_deep`). NaN, Infinity and numbers beyond float range are not JSON here.
    """
    return _checked(body, _decode_slowly(body) if _may_round(body) else _decode(body))


def decode_roughly(body: bytes) -> Any:
    """As `decode`, but numbers may have lost digits: for readers that look at names only."""
    return _checked(body, _decode(body))


def _may_round(body: bytes) -> bool:
    return _NINETEEN in body.translate(_DIGITS) and LONG_INTEGER.search(body) is not None


def _decode(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _decode_slowly(body)


def _decode_slowly(body: bytes) -> Any:
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        return json.loads(_paired(text), parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise UnreadableError("too_deep") from error
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, integers of 4300 digits
        raise UnreadableError("not_json") from error


def _paired(text: str) -> str:
    """`text` with surrogates that stand side by side as the one character that they encode."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("beyond float range")
    return number


def _checked(body: bytes, document: Any) -> Any:
    """The document, unless it is nested too deep.

    Raises:
        UnreadableError: `too_deep`.
    """
    # Every level opens a bracket: few bytes or brackets need no closer look.
    if (
        len(body) > MAX_DEPTH
        and body.count(b"[") + body.count(b"{") > MAX_DEPTH
        and _depth_exceeds(document)
    ):
        raise UnreadableError("too_deep")
    return document


def _depth_exceeds(document: Any) -> bool:
    level = [document]
    for _ in range(MAX_DEPTH + 1):
        level = [
            member
            for container in level
            if isinstance(container, dict | list)
            for member in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return False
    return True
