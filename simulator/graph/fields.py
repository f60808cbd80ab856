"""The expression in `fields`: what to tell of a node, and of the nodes within. Pure.

`id,media{id,media_type},mentioned_comment.comment_id(179){text}`

Source: https://developers.facebook.com/docs/graph-api/guides/field-expansion
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from simulator.graph.errors import RefusalError, syntax_error

MAX_DEPTH: Final = 20

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ARGUMENT: Final = re.compile(r"[^(){},]*")


@dataclass(frozen=True, slots=True)
class Selection:
    """One field that is asked for.

    Attributes:
        name: of the field.
        arguments: what `.name(value)` after it gives.
        fields: what to tell of the node in it; None when that is not said.
    """

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    fields: tuple["Selection", ...] | None = None


@lru_cache(maxsize=256)
def parse_fields(expression: str) -> tuple[Selection, ...]:
    """The fields that an expression asks for, in its order; none for an empty one.

    Raises:
        RefusalError: it is no such expression.
    """
    if not expression:
        return ()
    reader = _Reader(expression)
    found = reader.selections(depth=0)
    reader.require_end()
    return found


class _Reader:
    """A place in an expression, read from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def selections(self, depth: int) -> tuple[Selection, ...]:
        if depth > MAX_DEPTH:
            raise self._wrong("Too many levels.")
        found = [self._selection(depth)]
        while self._take(","):
            found.append(self._selection(depth))
        return tuple(found)

    def require_end(self) -> None:
        if self._at < len(self._text):
            raise self._wrong(f'Expected end of string instead of "{self._text[self._at]}".')

    def _selection(self, depth: int) -> Selection:
        name = self._name()
        arguments: dict[str, str] = {}
        while self._take("."):
            argument = self._name()
            self._require("(")
            arguments[argument] = self._match(_ARGUMENT)
            self._require(")")
        if not self._take("{"):
            return Selection(name, arguments)
        fields = self.selections(depth + 1)
        self._require("}")
        return Selection(name, arguments, fields)

    def _name(self) -> str:
        name = self._match(_NAME)
        if not name:
            raise self._wrong("Expected name.")
        return name

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _take(self, character: str) -> bool:
        taken = self._text.startswith(character, self._at)
        self._at += taken
        return taken

    def _require(self, character: str) -> None:
        if not self._take(character):
            raise self._wrong(f'Expected "{character}".')

    def _wrong(self, problem: str) -> RefusalError:
        return syntax_error(problem, self._at, self._text)
