"""A regular expression that ends in time, whatever stands in it and whatever it is tried on."""

import math
import unicodedata
from typing import Final

import regex

TIME_LIMIT_S: Final = 0.05
"""Processor time of the process for one text. A search usually takes some microseconds."""

MAX_PATTERN: Final = 2_000

MAX_REPEATS: Final = 100_000
"""What must be repeated is written out when a pattern is compiled, product by product."""

_REPEATS: Final = regex.compile(r"\{(\d+)")

_FLAGS: Final = regex.VERSION0 | regex.IGNORECASE | regex.FULLCASE


class Pattern:
    """A pattern, whatever case its letters are in."""

    def __init__(self, told: str) -> None:
        """Raises ValueError, in plain words, if it is none."""
        if len(told) > MAX_PATTERN:
            raise ValueError(f"must not be longer than {MAX_PATTERN:,} characters")
        repeats = (max(1, int(count[:10])) for count in _REPEATS.findall(told))
        if math.prod(repeats) > MAX_REPEATS:
            raise ValueError("repeats too much: make the numbers in {…} smaller")
        self.told = told
        try:
            self._compiled = regex.compile(unicodedata.normalize("NFC", told), _FLAGS)
        except (RecursionError, MemoryError, OverflowError) as error:
            raise ValueError("is too large or too deeply nested") from error
        except (regex.error, ValueError) as error:
            raise ValueError(f"is no regular expression: {error}") from error

    @classmethod
    def parse(cls, told: object) -> "Pattern":
        """The pattern in a rules file. Raises ValueError if it is none."""
        if not isinstance(told, str):
            raise ValueError("must be text")  # noqa: TRY004  # pydantic's own error, as all others
        if not told:
            raise ValueError("is empty; leave it out to answer every one")
        return cls(told)

    def finds(self, text: str) -> bool:
        """Whether it is anywhere in a text.

        Raises:
            TimeoutError: that cannot be told in time.
        """
        composed = unicodedata.normalize("NFC", text)
        try:
            return self._compiled.search(composed, timeout=TIME_LIMIT_S) is not None
        except MemoryError as error:  # it has a limit of its own, 1 GiB
            raise TimeoutError from error
