"""How many reads go in one call. Pure."""

from typing import Final

from graph.requests import MAX_BATCH

SMALLEST: Final = 1


class BatchSize:
    """The most that go in one call: fewer after a call without an answer, then more again.

    Where the Graph API is so slow that a full batch never ends in time, or refuses one for what a
    single item is, smaller ones are answered. Each of their items counts as a call either way, so
    the same batch again and again would use the budget up for nothing.
    """

    def __init__(self) -> None:
        self.most = MAX_BATCH

    def ended(self, count: int, *, is_answered: bool) -> None:
        """A call with `count` reads ended. One that was not full tells nothing of larger ones."""
        if not is_answered:
            self.most = min(self.most, max(count // 2, SMALLEST))
        elif count >= self.most:
            self.most = min(self.most * 2, MAX_BATCH)
