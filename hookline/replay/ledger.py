"""What a replay has counted, and how far it came."""

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hookline.operations import Operation
from hookline.replay.batch import Batch, Place
from hookline.replay.told import Tally, duplicates
from schemas.tables import operations

COUNTS = ("read", "selected", "new", "changed", "same", "duplicates", "written", "failed")
MORE = ("published", "unclaimed")


def counts_of(
    effect: str, batch: Batch, tallies: Mapping[str, Tally], *, published: int, failed: int
) -> dict[str, int]:
    """What a batch adds to each of the counts; of a table as `table.count`. Pure."""
    new, changed, same = (
        sum(getattr(one, name) for one in tallies.values()) for name in ("new", "changed", "same")
    )
    told = {
        "read": batch.read,
        "selected": batch.selected,
        "new": new,
        "changed": changed,
        "same": same,
        "duplicates": batch.duplicates + duplicates(effect, tallies),
        "written": new + changed,
        "failed": failed,
        "published": published,
        "unclaimed": batch.unclaimed,
    }
    by_table = {
        f"{table}.{name}": number
        for table, one in tallies.items()
        for name, number in one._asdict().items()
    }
    return told | by_table


class Ledger(Protocol):
    """Counts, for good or for nothing."""

    @property
    def counts(self) -> Mapping[str, int]:
        """All so far."""
        ...

    async def is_new(self, connection: AsyncConnection, batch: Batch) -> bool:
        """Whether the batch is not counted yet."""
        ...

    async def add(
        self, connection: AsyncConnection, batch: Batch, counts: Mapping[str, int]
    ) -> None:
        """Counts a batch, in the transaction that does it."""
        ...


class Imagined:
    """Counts of a dry run: they are told, and kept nowhere."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    async def is_new(self, connection: AsyncConnection, batch: Batch) -> bool:  # noqa: ARG002
        """A dry run does no batch twice."""
        return True

    async def add(
        self,
        connection: AsyncConnection,  # noqa: ARG002
        batch: Batch,  # noqa: ARG002
        counts: Mapping[str, int],
    ) -> None:
        """Counts a batch."""
        self.counts = _added(self.counts, counts)


class Recorded:
    """Counts in the replay's row of `operations`, committed with what they count.

    Its checkpoint says where the latest batch begins and ends, and how many were selected before
    it. That batch may not have been published yet when the process died: it is done again, and not
    counted again.
    """

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    @property
    def counts(self) -> Mapping[str, int]:
        """All so far."""
        return self._operation.counts

    @property
    def cut_at(self) -> Place | None:
        """Where the latest batch ended: the first one now ends there, too."""
        return (self._operation.checkpoint or {}).get("end")

    def left(self, limit: int | None) -> int | None:
        """How many may be selected from the beginning of the latest batch on."""
        before: int = (self._operation.checkpoint or {}).get("selected_before", 0)
        return None if limit is None else limit - before

    async def is_new(self, connection: AsyncConnection, batch: Batch) -> bool:
        """By the row itself: a commit may have come about though its answer did not arrive."""
        row = operations.c
        found = await connection.execute(
            select(row.counts, row.checkpoint)
            .where(row.operation_id == self._operation.operation_id)
            .with_for_update()
        )
        self._operation.counts, self._operation.checkpoint = found.one()
        return bool(self._operation.checkpoint["end"] == batch.begin)

    async def add(
        self, connection: AsyncConnection, batch: Batch, counts: Mapping[str, int]
    ) -> None:
        """Counts a batch and moves the checkpoint to its end."""
        checkpoint: dict[str, Any] = {
            **(self._operation.checkpoint or {}),
            "begin": batch.begin,
            "end": batch.end,
            "selected_before": self._operation.counts.get("selected", 0),
        }
        added = _added(self._operation.counts, counts)
        await connection.execute(
            update(operations)
            .where(operations.c.operation_id == self._operation.operation_id)
            .values(counts=added, checkpoint=checkpoint)
        )
        self._operation.counts, self._operation.checkpoint = added, checkpoint


def _added(some: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {name: some.get(name, 0) + more.get(name, 0) for name in {**some, **more}}
