"""A replay from its beginning to its end: begun, gone on with, or only imagined."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.dead_letters.breaker import open_breakers
from hookline.operations import Operation, recorded, settled
from hookline.rebuild.line import Handles
from hookline.replay.batch import Place, Source
from hookline.replay.changes import ReplayedChanges
from hookline.replay.deliveries import open_deliveries, planned_deliveries
from hookline.replay.enrichment import AskedAgain, RecordedAnswers
from hookline.replay.events import ReplayedEvents
from hookline.replay.ground import TEMPORARY, Ground
from hookline.replay.held import hold
from hookline.replay.ledger import COUNTS, MORE, Imagined, Ledger, Recorded
from hookline.replay.live import Lag, open_live_lag
from hookline.replay.order import Order, OrderError, ReplayError, from_arguments
from hookline.replay.stage import Stage
from hookline.replay.throttle import Limits, Throttle
from hookline.replay.told import WRITTEN
from hookline.replay.topics import TopicSource, find_spans, planned_spans
from hookline.trace.reader import open_reader
from runtime.database import in_schema, transaction
from runtime.kafka import require_topics
from runtime.publisher import Publisher
from schemas.settings import OperatorSettings
from schemas.tables import operations
from schemas.topics import DEAD_LETTERS, ENRICHED_TOPICS, EVENTS_TOPICS
from workers.registry import handler_of

VERB = "replay"


class Progress(NamedTuple):
    """How far a replay is, and for whom it waits, if for anybody."""

    read: int
    total: int
    selected: int
    waits_for: Lag | None


Show = Callable[[Progress], None]


@dataclass
class Report:
    """What a replay came to. Without an id nothing was done."""

    stage: str
    effect: str
    operation_id: str | None
    reads_deliveries: bool
    resumed: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def tables(self) -> dict[str, dict[str, int]]:
        """The counts of each table."""
        names = ("new", "changed", "same", "duplicates")
        return {
            table.name: {name: self.counts.get(f"{table.name}.{name}", 0) for name in names}
            for table in WRITTEN[self.effect]
        }

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "dry_run": self.operation_id is None,
            "operation_id": self.operation_id,
            "resumed": self.resumed,
            "stage": self.stage,
            **{name: self.counts.get(name, 0) for name in (*COUNTS, *MORE)},
            "tables": self.tables,
            "seconds": round(self.seconds, 1),
        }


class Replay:
    """Replays on one pipeline. `show` is told how far it is, `begun` the operation's id."""

    def __init__(
        self, engine: AsyncEngine, settings: OperatorSettings, limits: Limits, show: Show
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._limits = limits
        self._show = show

    async def rehearse(self, order: Order) -> Report:
        """What `run` would do, without doing it.

        Raises:
            ReplayError: it cannot be done; the message says why.
            DependencyError: Kafka or PostgreSQL cannot be reached.
        """
        ledger = Imagined()
        ground = Ground(order.effect, is_copy=True)
        async with AsyncExitStack() as stack:
            source = await stack.enter_async_context(self._source(order, None))
            held = await stack.enter_async_context(hold(in_schema(self._engine, TEMPORARY)))
            await ground.prepare(held)
            handler = _handler(order, held, datetime.now(UTC))
            stage = Stage(held, handler, ground, ledger, None)
            begin = source.beginning
            return await self._work(order, source, stage, ledger, begin, _report(order, None))

    async def run(self, order: Order, begun: Callable[[str], None]) -> Report:
        """Does what is ordered.

        Raises:
            ReplayError: it cannot be done, or not to its end; the message says why.
            DependencyError: Kafka or PostgreSQL cannot be reached, or went away.
        """
        await _require_closed(self._engine, order.stage)
        async with AsyncExitStack() as stack:
            source = await stack.enter_async_context(self._source(order, None))
            publisher = await stack.enter_async_context(_publisher(self._settings, order))
            told = {**order.arguments(), **self._limits._asdict()}
            operation = await stack.enter_async_context(recorded(self._engine, VERB, told))
            begin = source.beginning
            operation.checkpoint = {
                "plan": source.plan(),
                "begin": begin,
                "end": begin,
                "selected_before": 0,
            }
            await operation.save()
            begun(operation.operation_id)
            async with _alone(self._engine, operation.operation_id):
                report = _report(order, operation.operation_id)
                began = datetime.now(UTC)
                return await self._do(order, source, publisher, operation, report, began)

    async def resume(self, operation_id: str) -> Report:
        """Goes on with a replay that was killed, stopped or failed.

        Raises:
            OrderError: there is no such replay, or it is done.
            ReplayError: it is running, or cannot be done to its end.
            DependencyError: Kafka or PostgreSQL cannot be reached, or went away.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_alone(self._engine, operation_id))
            operation, order, began = await _left(self._engine, operation_id)
            await _require_closed(self._engine, order.stage)
            plan = (operation.checkpoint or {})["plan"]
            source = await stack.enter_async_context(self._source(order, plan))
            publisher = await stack.enter_async_context(_publisher(self._settings, order))
            await operation.save(state="running", ended_at=None)
            await stack.enter_async_context(settled(operation))
            report = _report(order, operation_id, resumed=True)
            return await self._do(order, source, publisher, operation, report, began)

    async def _do(
        self,
        order: Order,
        source: Source,
        publisher: Publisher,
        operation: Operation,
        report: Report,
        began: datetime,
    ) -> Report:
        ledger = Recorded(operation)
        begin = (operation.checkpoint or {})["begin"]
        async with hold(self._engine) as held:
            ground = Ground(order.effect, is_copy=False)
            stage = Stage(held, _handler(order, held, began), ground, ledger, publisher)
            return await self._work(order, source, stage, ledger, begin, report)

    async def _work(
        self,
        order: Order,
        source: Source,
        stage: Stage,
        ledger: Ledger,
        begin: Place,
        report: Report,
    ) -> Report:
        started_s = time.monotonic()
        cut_at, limit = None, order.limit
        if isinstance(ledger, Recorded):
            cut_at, limit = ledger.cut_at, ledger.left(order.limit)

        def tell(lag: Lag | None) -> None:
            told = ledger.counts
            self._show(Progress(told.get("read", 0), source.total, told.get("selected", 0), lag))

        async with open_live_lag(self._settings) as live:
            throttle = Throttle(self._limits, live, tell)
            tell(None)
            async for batch in source.batches(begin, limit, cut_at):
                if batch.records:
                    await throttle.pass_on(len(batch.records))
                await stage.do(batch)
                tell(None)
        report.counts = dict(ledger.counts)
        report.seconds = time.monotonic() - started_s
        return report

    @asynccontextmanager
    async def _source(self, order: Order, plan: Mapping[str, Any] | None) -> AsyncIterator[Source]:
        """Where the records come from; within the bounds of a plan, if there is one."""
        if order.origin == "archive":
            if plan is None:
                yield await open_deliveries(self._engine, order)
            else:
                yield planned_deliveries(self._engine, order, plan)
            return
        async with open_reader(self._settings) as reader:
            spans = await find_spans(reader, order) if plan is None else planned_spans(plan)
            yield TopicSource(reader, order, spans)


def _report(order: Order, operation_id: str | None, *, resumed: bool = False) -> Report:
    return Report(order.stage, order.effect, operation_id, order.origin == "archive", resumed)


def _handler(order: Order, held: AsyncEngine, began: datetime) -> Handles:
    """What does the stage: the live worker's handler, but for enrich, which must not ask."""
    if order.stage == ReplayedChanges.name:
        return ReplayedChanges(held)
    if order.stage == ReplayedEvents.name:
        return ReplayedEvents(held)
    if order.effect == "refresh":
        return AskedAgain(held, began)
    if order.stage == "enrich":
        return RecordedAnswers(held)
    return handler_of(order.stage)(held)


@asynccontextmanager
async def _publisher(settings: OperatorSettings, order: Order) -> AsyncIterator[Publisher]:
    async with Publisher(settings) as publisher:
        results = ENRICHED_TOPICS if order.stage == "enrich" else EVENTS_TOPICS
        topics = [*results, DEAD_LETTERS]
        await require_topics(publisher.producer, topics)
        await publisher.learn(topics)
        yield publisher


async def _require_closed(engine: AsyncEngine, stage: str) -> None:
    for breaker in await open_breakers(engine):
        if breaker.stage == stage:
            raise ReplayError(
                f"{stage} stands still since {breaker.opened_at.isoformat(timespec='seconds')}: "
                f"{breaker.reason}. Repair the cause, then `hookline dead-letters resume "
                f"--stage {stage}`."
            )


async def _left(engine: AsyncEngine, operation_id: str) -> tuple[Operation, Order, datetime]:
    """A replay that was left before its end, as its row tells it, and when it began."""
    columns = operations.c
    told = (columns.state, columns.arguments, columns.counts, columns.checkpoint)
    query = select(*told, columns.started_at).where(
        columns.operation_id == operation_id, columns.verb == VERB
    )
    async with transaction(engine) as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise OrderError(f"there is no replay {operation_id}")
    if row.state == "done":
        raise OrderError(f"the replay {operation_id} is done: there is nothing to go on with")
    if row.checkpoint is None:
        raise OrderError(f"the replay {operation_id} had not begun: give it anew")
    operation = Operation(engine, operation_id)
    operation.counts, operation.checkpoint = row.counts, row.checkpoint
    return operation, from_arguments(row.arguments), row.started_at


@asynccontextmanager
async def _alone(engine: AsyncEngine, operation_id: str) -> AsyncIterator[None]:
    """Nobody else goes on with this replay, for as long as the connection lives.

    Raises:
        ReplayError: somebody is at it.
    """
    key = {"name": f"hookline replay {operation_id}"}
    async with engine.connect() as connection:
        free = await connection.scalar(
            text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), key
        )
        await connection.commit()
        if not free:
            raise ReplayError(f"The replay {operation_id} is running.")
        try:
            yield
        finally:
            await connection.invalidate()  # which lets the lock go, whatever state it is in
