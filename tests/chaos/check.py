"""One thing that must hold at the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold.

    Attributes:
        name: what is counted.
        expected: how many there must be; the least, when `at_most` is given.
        found: how many there are.
        at_most: the most there may be, where a lost answer leaves room.
    """

    name: str
    expected: int
    found: int
    at_most: int | None = None

    @property
    def holds(self) -> bool:
        """Whether it does."""
        most = self.expected if self.at_most is None else self.at_most
        return self.expected <= self.found <= most


def wanted(check: Mapping[str, Any]) -> str:
    """The number that a check should find."""
    most = check["at_most"]
    return (
        f"{check['expected']:,}"
        if most in (None, check["expected"])
        else (f"{check['expected']:,} to {most:,}")
    )
