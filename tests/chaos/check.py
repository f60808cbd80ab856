"""One thing that must hold at the end."""

from dataclasses import dataclass


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
