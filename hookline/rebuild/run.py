"""A rebuild from its beginning to its end: build, exchange, verify, and what it all came to."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.operations import Operation, recorded
from hookline.rebuild import batches, scratch
from hookline.rebuild.batches import Progress
from hookline.rebuild.comparison import Comparison, compare
from hookline.rebuild.exchange import Exchanged, exchange
from hookline.rebuild.process import drain
from hookline.rebuild.processes import run_processes
from hookline.rebuild.reads import plan_reads, take_over_parked
from hookline.rebuild.scratch import RebuildError
from runtime.database import transaction

FEW_BATCHES: Final = 8
"""So many are done here: to start the processes takes as long."""

POLL_S: Final = 0.5

SETTLE_S: Final = 15.0
"""How long a change that was received before the cut may still be on its way: it is compared
again until then. Live it takes less than two seconds."""

SETTLE_PAUSE_S: Final = 2.0

Show = Callable[[Progress], None]
"""Told how far the build is."""

Say = Callable[[str], None]
"""Told what a person may wonder about meanwhile."""

Ask = Callable[[Comparison], None]
"""Asked before rows are exchanged; raises typer.Abort when they are not to be."""


@dataclass(frozen=True)
class Order:
    """What is to be done. `limit` is how many differences are named."""

    schema: str = scratch.DEFAULT
    workers: int = 4
    until: datetime | None = None
    verify: bool = False
    swap: bool = False
    dry_run: bool = False
    limit: int = 20
    settle_s: float = SETTLE_S

    def arguments(self) -> dict[str, object]:
        """For the audit."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass
class Report:
    """What a rebuild came to. `comparison` is None when none was asked for."""

    schema: str
    resumed: bool
    until: datetime
    counts: dict[str, int]
    seconds: float
    comparison: Comparison | None = None
    exchanged: Mapping[str, Exchanged] = field(default_factory=dict)
    before: str | None = None
    scratch_left: bool = True

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        found = self.comparison
        return {
            "schema": self.schema,
            "resumed": self.resumed,
            "until": self.until,
            **self.counts,
            "seconds": round(self.seconds, 1),
            "equal": None if found is None else found.equal,
            "tables": {} if found is None else {t.table: _table(t) for t in found.tables},
            "differing": None if found is None else found.differing,
            "differences": [] if found is None else [d._asdict() for d in found.differences],
            "exchanged": {name: done._asdict() for name, done in self.exchanged.items()},
            "before": self.before,
            "scratch_left": self.scratch_left,
        }


def _table(found: Any) -> dict[str, Any]:
    return {
        "live": found.live.rows,
        "rebuilt": found.rebuilt.rows,
        "live_checksum": found.live.checksum,
        "rebuilt_checksum": found.rebuilt.checksum,
        "differing": found.differing,
    }


async def rebuild(engine: AsyncEngine, order: Order, ask: Ask, show: Show, say: Say) -> Report:
    """Does what is ordered; the processes that build find the database by the environment.

    Raises:
        DependencyError: PostgreSQL cannot be reached.
        RebuildError: it came to nothing. The live tables are as they were.
    """
    async with (
        scratch.held(engine, order.schema),
        recorded(engine, "rebuild", order.arguments()) as operation,
    ):
        report = await _Rebuild(engine, order, operation, show, say).run(ask)
        await operation.save()
    return report


class _Rebuild:
    def __init__(
        self, engine: AsyncEngine, order: Order, operation: Operation, show: Show, say: Say
    ) -> None:
        self._engine = engine
        self._order = order
        self._operation = operation
        self._show = show
        self._say = say

    async def run(self, ask: Ask) -> Report:
        order = self._order
        report = await self._build()
        if order.swap:
            report.comparison = await compare(
                self._engine, order.schema, cut=None, limit=order.limit
            )
            if report.comparison.differing and not order.dry_run:
                ask(report.comparison)
                await self._exchange(report)
        if order.verify:
            report.until, report.comparison = await self._verify()
        if report.comparison is not None:
            self._operation.counts["differing"] = report.comparison.differing
        await scratch.end(self._engine, order.schema)
        report.scratch_left = _worth_a_look(order, report)
        if not report.scratch_left:
            await scratch.drop(self._engine, order.schema)
        return report

    async def _build(self) -> Report:
        order, started_s = self._order, time.monotonic()
        begun = await scratch.begin(self._engine, order.schema, order.until)
        self._operation.checkpoint = {"schema": begun.schema, "begun_at": str(begun.begun_at)}
        await self._operation.save()
        until = order.until or datetime.now(UTC)
        await batches.plan(self._engine, order.schema, until=until)
        await self._do_all()
        await scratch.analyze(self._engine, order.schema)
        await self._catch_up(until=None if order.swap else until)
        counts = await self._counts()
        self._operation.counts = counts
        return Report(order.schema, begun.resumed, until, counts, time.monotonic() - started_s)

    async def _do_all(self) -> None:
        """Does every batch that is not done, however often processes have to be started."""
        before = now = await batches.progress(self._engine, self._order.schema)
        watch = asyncio.create_task(self._watch())
        try:
            while now.left:
                if now.left <= FEW_BATCHES:
                    await drain(self._engine, self._order.schema)
                else:
                    number = min(self._order.workers, now.left)
                    await run_processes(self._order.schema, number)
                now = await batches.progress(self._engine, self._order.schema)
                if now.batches < before.batches:
                    raise RebuildError(
                        "PostgreSQL has restarted after a crash, and what was built is gone. "
                        "Run the same command again: it begins anew."
                    )
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
        self._show(now)

    async def _watch(self) -> None:
        while True:
            self._show(await batches.progress(self._engine, self._order.schema))
            await asyncio.sleep(POLL_S)

    async def _catch_up(self, *, until: datetime | None, since: datetime | None = None) -> None:
        """Builds what was archived since the batches were planned, and what the Graph told."""
        schema = self._order.schema
        if await batches.plan(self._engine, schema, until=until, since=since):
            await self._do_all()
        if await plan_reads(self._engine, schema, since=since):
            await self._do_all()
        await take_over_parked(self._engine, schema)

    async def _counts(self) -> dict[str, int]:
        """Deliveries read, and of their changes: written (distinct contents) and duplicates.

        Of `damaged` deliveries the archived bytes are not those that were received.
        """
        schema = self._order.schema
        done = await batches.progress(self._engine, schema)
        async with transaction(self._engine) as connection:
            row = (
                await connection.execute(
                    text(
                        f"SELECT (SELECT count(*) FROM {schema}.sightings), "  # noqa: S608
                        f"(SELECT count(*) FROM {schema}.claims), "
                        f"(SELECT count(*) FROM {schema}.damaged)"
                    )
                )
            ).one()
        changes, written, damaged = row
        return {
            "read": done.read,
            "changes": changes,
            "written": written,
            "duplicates": changes - written,
            "failed": done.failed,
            "damaged": damaged,
        }

    async def _exchange(self, report: Report) -> None:
        async def catch_up(since: datetime) -> None:
            await self._catch_up(until=None, since=since)

        report.before, report.exchanged = await exchange(self._engine, self._order.schema, catch_up)
        for name in Exchanged._fields:
            self._operation.counts[name] = sum(
                getattr(table, name) for table in report.exchanged.values()
            )
        if report.before:
            self._operation.checkpoint = {"before": report.before}
        await self._operation.save()

    async def _verify(self) -> tuple[datetime, Comparison]:
        """Compares what was received before now; again while something may be on its way."""
        order = self._order
        cut, give_up_s = order.until or datetime.now(UTC), None
        while True:
            await self._catch_up(until=cut)
            found = await compare(self._engine, order.schema, cut=cut, limit=order.limit)
            if found.equal or (give_up_s is not None and time.monotonic() >= give_up_s):
                return cut, found
            if give_up_s is None:
                give_up_s = time.monotonic() + order.settle_s
                self._say(
                    f"{found.differing} rows differ; looking again for {order.settle_s:g} s, "
                    "for they may be on their way …"
                )
            await asyncio.sleep(min(SETTLE_PAUSE_S, order.settle_s))


def _worth_a_look(order: Order, report: Report) -> bool:
    """Whether the scratch tables stay: when nothing else came of it, or they are not alike."""
    if report.comparison is None:
        return True
    if order.swap and not order.dry_run and not order.verify:
        return False
    return not report.comparison.equal
