"""An answer with a place for the name of whoever is answered. Pure."""

import re
from string import Formatter
from typing import Final, NamedTuple

from workers.reply.reply import MAX_CHARACTERS

USERNAME: Final = "username"
"""The only field: what strangers write is never repeated in the account's name."""

_NAME: Final = re.compile(r"[A-Za-z0-9._]{1,30}")
"""What Instagram lets a name be. Anything else is none, and is not put into an answer."""


class Template(NamedTuple):
    """An answer of a rule: texts, and None in the places of the name."""

    told: str
    parts: tuple[str | None, ...]

    @classmethod
    def parse(cls, told: object) -> "Template":
        """The answer in a rules file. Raises ValueError, in plain words, if it is none."""
        if not isinstance(told, str):
            raise ValueError("must be text")  # noqa: TRY004  # pydantic's own error, as all others
        try:
            pieces = list(Formatter().parse(told))
        except ValueError as error:
            raise ValueError("has a lone brace: write {{ or }} for a brace itself") from error
        parts: list[str | None] = []
        for text, name, spec, conversion in pieces:
            if text:
                parts.append(text)
            if name is None:
                continue
            if name != USERNAME or spec or conversion:
                raise ValueError("has a field that there is not; the only one is {username}")
            parts.append(None)
        made = cls(told, tuple(parts))
        if not "".join(part or "" for part in parts).strip():
            raise ValueError("says nothing")
        if len(made.fill("x" * 30)) > MAX_CHARACTERS:
            raise ValueError(
                f"must not be longer than {MAX_CHARACTERS:,} characters, name included"
            )
        return made

    @property
    def needs_name(self) -> bool:
        """Whether it can only be given to somebody whose name is known."""
        return None in self.parts

    def fill(self, name: str) -> str:
        """The answer to somebody. Nothing in a name is a field."""
        return "".join(name if part is None else part for part in self.parts)


def usable_name(username: str | None) -> str | None:
    """The name as answers may hold it; None when it is unknown, or none that Instagram gives."""
    return username if username is not None and _NAME.fullmatch(username) else None
