"""Too many dead letters stop a worker, instead of draining a topic into the bin.

The breaker of a stage is a row of the table `breakers`: every replica looks at it each second, and
consumes nothing while it is open, also after a restart. `hookline dead-letters resume` closes it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime import metrics
from runtime.database import transaction
from runtime.errors import DatabaseUnavailableError
from runtime.health import Readiness
from runtime.retry import Retry
from schemas.settings import WorkerSettings
from schemas.tables import breakers

LOOK_INTERVAL_S: Final = 1.0
LOOK_TIMEOUT_S: Final = 4.0

log = structlog.get_logger()


class Tally:
    """Counts records and dead letters, and says when there are too many of these.

    They are too many when more than `ratio` of the latest records are dead letters, looking at the
    fewest latest batches that have `min_records` together; or when `run` come in a row.
    """

    def __init__(self, ratio: float, min_records: int, run: int) -> None:
        self._ratio = ratio
        self._min_records = min_records
        self._run = run
        self.forget()

    def forget(self) -> None:
        """Begins anew."""
        self._batches: deque[tuple[int, int]] = deque()
        self._records = 0
        self._dead = 0
        self._in_a_row = 0

    def add(self, dead: Sequence[bool]) -> str | None:
        """Counts a batch: for each record in its order, whether it became a dead letter.

        Returns:
            Why it is too much now; None while it is not.
        """
        longest = self._longest_run(dead)
        self._batches.append((len(dead), sum(dead)))
        self._records += len(dead)
        self._dead += sum(dead)
        while self._records - self._batches[0][0] >= self._min_records:
            records, letters = self._batches.popleft()
            self._records -= records
            self._dead -= letters
        if longest >= self._run:
            return f"{longest} dead letters in a row"
        if self._records >= self._min_records and self._dead > self._ratio * self._records:
            return f"{self._dead} dead letters among the latest {self._records} records"
        return None

    def _longest_run(self, dead: Sequence[bool]) -> int:
        if not any(dead):
            self._in_a_row = 0 if dead else self._in_a_row
            return 0
        longest = 0
        for letter in dead:
            self._in_a_row = self._in_a_row + 1 if letter else 0
            longest = max(longest, self._in_a_row)
        return longest


class Breaker:
    """Whether a stage may consume, as this replica and all the others find. One for the process:
    it outlives the consumers that fail.

    Until the row was looked at once nobody knows, and it may not. While PostgreSQL is away
    whatever was known last holds; what tripped meanwhile is written when it is back.
    """

    def __init__(
        self, engine: AsyncEngine, stage: str, settings: WorkerSettings, readiness: Readiness
    ) -> None:
        self._engine = engine
        self._stage = stage
        self._readiness = readiness
        self._tally = Tally(
            settings.worker_breaker_ratio,
            settings.worker_breaker_min_records,
            settings.worker_breaker_run,
        )
        self._known = False
        self._reason: str | None = None
        self._unwritten: datetime | None = None
        self._hurry = asyncio.Event()
        self._retry = Retry(readiness, DatabaseUnavailableError.reason, LOOK_INTERVAL_S)
        self._log = log.bind(stage=stage)

    @property
    def is_open(self) -> bool:
        """Whether nothing may be consumed."""
        return self._reason is not None or not self._known

    def count(self, dead: Sequence[bool]) -> None:
        """A batch is done: for each of its records, whether it became a dead letter. Opens the
        breaker when that is too much.
        """
        reason = self._tally.add(dead)
        if reason is not None and self._reason is None:
            self._unwritten = datetime.now(UTC)
            self._open(reason)
            self._hurry.set()

    async def run(self) -> None:
        """Keeps to the row until it is cancelled. A look that fails makes the service not ready."""
        self._tell()
        while True:
            await self._retry.until_done(self._look)
            self._hurry.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_INTERVAL_S):
                    await self._hurry.wait()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self._look_at_row()
        except TimeoutError as error:
            raise DatabaseUnavailableError(type(error).__name__) from error

    async def _look_at_row(self) -> None:
        async with transaction(self._engine) as connection:
            unwritten = self._unwritten
            if unwritten is not None:
                await connection.execute(_opening(self._stage, unwritten, self._reason or ""))
            reason = await connection.scalar(
                select(breakers.c.reason).where(
                    breakers.c.stage == self._stage, breakers.c.closed_at.is_(None)
                )
            )
        if self._unwritten is not unwritten:
            return  # it tripped meanwhile: what was read is older than that
        self._unwritten = None
        self._known = True
        if reason is None:
            self._close()
        elif self._reason is None:
            self._open(reason)
        self._tell()

    def _open(self, reason: str) -> None:
        self._reason = reason
        self._tell()
        self._log.error(
            "breaker_open",
            reason=reason,
            repair=f"look at `hookline dead-letters stats --stage {self._stage}`, repair the "
            f"cause, then `hookline dead-letters resume --stage {self._stage}`",
        )

    def _close(self) -> None:
        if self._reason is not None:
            self._reason = None
            self._tally.forget()
            self._log.info("breaker_closed")

    def _tell(self) -> None:
        """What holds the stage, and that nothing else does."""
        for reason, holds in {
            "breaker_unknown": not self._known,
            "breaker_open": self._reason is not None,
        }.items():
            if holds:
                self._readiness.not_ready(reason)
            else:
                self._readiness.ready(reason)
        metrics.BREAKER_OPEN.labels(self._stage).set(self._reason is not None)


def _opening(stage: str, opened_at: datetime, reason: str) -> Insert:
    """Opens the stage's row, unless another replica has."""
    row = insert(breakers).values(stage=stage, opened_at=opened_at, reason=reason)
    return row.on_conflict_do_update(
        index_elements=[breakers.c.stage],
        set_={"opened_at": opened_at, "reason": reason, "closed_at": None},
        where=breakers.c.closed_at.is_not(None),
    )
