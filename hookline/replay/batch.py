"""A piece of the work: what is handled, counted and marked done in one transaction."""

from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from runtime.worker import Record

BATCH_RECORDS: Final = 200
"""Fewer than a live batch has: whoever is live waits for locks and processors for moments only."""

BATCH_BYTES: Final = 2 * 1024 * 1024

BATCH_READ: Final = 5_000
"""However little is selected of what is read, so often the place is kept."""

Place: TypeAlias = list[Any]
"""Where a source stands, as JSON: what begins there is not read yet."""


class Batch(NamedTuple):
    """Records to handle, read from `begin` up to `end`.

    Of those `selected`, `duplicates` and `unclaimed` are not to be handled.
    """

    begin: Place
    end: Place
    read: int
    selected: int
    records: list[Record]
    duplicates: int = 0
    unclaimed: int = 0


class Source(Protocol):
    """Where records come from. Between two runs over the same it is cut into the same batches."""

    @property
    def total(self) -> int:
        """How many there are to read."""
        ...

    @property
    def beginning(self) -> Place:
        """Where it begins."""
        ...

    def plan(self) -> dict[str, Any]:
        """Its bounds as JSON, so that one that goes on has the same."""
        ...

    def batches(
        self, begin: Place, limit: int | None, cut_at: Place | None
    ) -> AsyncIterator[Batch]:
        """Everything from a place on, up to so many selected; no batch goes across `cut_at`."""
        ...
