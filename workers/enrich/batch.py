"""How many reads go in one call. Pure."""

from typing import Final

from graph.errors import BATCH_REFUSED
from graph.requests import MAX_BATCH

SMALLEST: Final = 1

TOO_MUCH: Final = frozenset({"graph_timeout", "graph_answer_too_large", BATCH_REFUSED.reason})
"""Why there was no answer, where there may be one to a smaller batch."""


class BatchSize:
    """The most that go in one call: fewer after one that was too much, then more again.

    Where the Graph API is so slow that a full batch never ends in time, or refuses one for what a
    single item is, smaller ones are answered. Each of their items counts as a call either way, so
    the same batch again and again would use the budget up for nothing.
    """

    def __init__(self) -> None:
        self.most = MAX_BATCH

    def answered(self, count: int) -> None:
        """A call with `count` reads was. One that was not full tells nothing of larger ones."""
        if count >= self.most:
            self.most = min(self.most * 2, MAX_BATCH)

    def unanswered(self, count: int, reason: str) -> None:
        """A call with `count` reads was not, for this reason."""
        if reason in TOO_MUCH:
            self.most = min(self.most, max(count // 2, SMALLEST))
