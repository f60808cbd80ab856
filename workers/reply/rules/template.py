"""An answer with places for names: of whoever is answered, and of whose account answers. Pure."""

import re
from collections.abc import Mapping
from enum import Enum
from string import Formatter
from typing import Final, NamedTuple

from workers.reply.reply import MAX_CHARACTERS

_NAME: Final = re.compile(r"[A-Za-z0-9._]{1,30}")
"""What Instagram lets a name be. Anything else is none, and is not put into an answer."""


class Place(Enum):
    """What an answer may have a place for: names, and no more. What strangers write is never
    repeated in the account's name.
    """

    USERNAME = "username"
    """Who is answered."""

    ACCOUNT = "account"
    """Whose account answers."""


_PLACES: Final = {place.value: place for place in Place}
_KNOWN: Final = " and ".join(f"{{{name}}}" for name in sorted(_PLACES))


class Template(NamedTuple):
    """An answer of a rule: texts, and places between them."""

    told: str
    parts: tuple[str | Place, ...]

    @classmethod
    def parse(cls, told: object) -> "Template":
        """The answer in a rules file. Raises ValueError, in plain words, if it is none."""
        if not isinstance(told, str):
            raise ValueError("must be text")  # noqa: TRY004  # pydantic's own error, as all others
        try:
            pieces = list(Formatter().parse(told))
        except ValueError as error:
            raise ValueError("has a lone brace: write {{ or }} for a brace itself") from error
        parts: list[str | Place] = []
        for text, name, spec, conversion in pieces:
            if text:
                parts.append(text)
            if name is None:
                continue
            if name not in _PLACES or spec or conversion:
                raise ValueError(f"has another field than {_KNOWN}")
            parts.append(_PLACES[name])
        made = cls(told, tuple(parts))
        if not "".join(part for part in parts if isinstance(part, str)).strip():
            raise ValueError("says nothing")
        if len(made.fill(dict.fromkeys(Place, "x" * 30))) > MAX_CHARACTERS:
            raise ValueError(
                f"must not be longer than {MAX_CHARACTERS:,} characters, names included"
            )
        return made

    @property
    def places(self) -> frozenset[Place]:
        """What must be known for it to be given."""
        return frozenset(part for part in self.parts if isinstance(part, Place))

    def fill(self, names: Mapping[Place, str]) -> str:
        """The answer to somebody. Nothing in a name is a field."""
        return "".join(part if isinstance(part, str) else names[part] for part in self.parts)


def usable_name(username: str | None) -> str | None:
    """The name as answers may hold it; None when it is unknown, or none that Instagram gives."""
    return username if username is not None and _NAME.fullmatch(username) else None
