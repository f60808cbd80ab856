"""The loop that all workers share (design A6): fetch, effect, publish, commit.

Owns the order of these steps, the partitions that come and go, and the drain. The commit of a batch
(`runtime.commits`) travels beside the next one.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.batches import batches
from runtime.breaker import Breaker
from runtime.commits import Commits
from runtime.crash_points import reached
from runtime.effect import Effect
from runtime.errors import KafkaUnavailableError
from runtime.gaps import Gaps
from runtime.health import Readiness
from runtime.kafka import has_failed
from runtime.lag import LagWatch
from runtime.lifecycle import unless_stopped
from runtime.publisher import Publisher
from runtime.retry import Retry
from runtime.worker import Handler, Record, size_bytes
from schemas.crash_points import CrashPoint
from schemas.dead_letters import Source
from schemas.settings import WorkerSettings
from schemas.topics import consumer_group

FETCH_WAIT_MS: Final = 200
REVOKE_TIMEOUT_S: Final = 4.0
HOLD_INTERVAL_S: Final = 0.1

log = structlog.get_logger()


def next_offsets(records: Iterable[Record]) -> dict[TopicPartition, int]:
    """What to commit once these records are done: per partition, the offset after the last."""
    offsets: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.source.topic, record.source.partition)
        offsets[partition] = max(offsets.get(partition, 0), record.source.offset + 1)
    return offsets


class Loop:
    """Runs one worker's handler over its topics until asked to stop."""

    def __init__(
        self,
        handler: Handler,
        consumer: AIOKafkaConsumer,
        publisher: Publisher,
        settings: WorkerSettings,
        readiness: Readiness,
        engine: AsyncEngine,
        breaker: Breaker,
    ) -> None:
        self._handler = handler
        self._consumer = consumer
        self._settings = settings
        self._readiness = readiness
        self._busy = asyncio.Lock()
        self._retry = Retry(readiness, "dependency")
        group = consumer_group(handler.name)
        self._lag = LagWatch(consumer, group, handler.topics, settings, readiness)
        self._gaps = Gaps(consumer, engine, group)
        self._breaker = breaker
        self._effect = Effect(
            handler, publisher, self._retry, breaker, settings.worker_produce_timeout_s
        )
        self._commits = Commits(consumer, Retry(readiness, "commit"), self._lag.committed)
        self._log = log.bind(worker=handler.name)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then finishes and commits the batch in flight, within the
        drain time.

        A batch or a commit that waits for a dependency is given up at once: it comes again.
        """
        self._consumer.subscribe(list(self._handler.topics), listener=_Rebalance(self))
        work = asyncio.create_task(self._work(stop))
        beside = [
            asyncio.create_task(one)
            for one in (self._commits.run(), self._lag.run(), self._breaker.run())
        ]
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((work, *beside, stopped), return_when=asyncio.FIRST_COMPLETED)
            self._readiness.not_ready("draining")
            await self._drain(work, beside)
        finally:
            for task in (work, *beside, stopped):
                task.cancel()
            await asyncio.gather(work, *beside, stopped, return_exceptions=True)
            self._lag.forget()

    async def _drain(self, work: asyncio.Task[None], beside: list[asyncio.Task[None]]) -> None:
        """Waits for the work to end, unless nothing would come of it; raises what has failed."""
        tasks = (work, *beside)
        waiting = self._retry.waiting or self._commits.failing
        if not waiting and not any(task.done() for task in tasks):
            await asyncio.wait(
                tasks,
                timeout=self._settings.drain_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        for task in tasks:
            if task.done():
                await task
        if not work.done():
            self._log.warning("drain_cut_short")

    async def batch_done(self) -> None:
        """Waits for the batch in flight and its commit, for at most 4 s: then another replica
        repeats it. No other batch begins before the group has given new partitions.
        """
        self._commits.end_tenure()
        try:
            async with asyncio.timeout(REVOKE_TIMEOUT_S):
                async with self._busy:
                    pass
                await self._commits.settled()
        except TimeoutError:
            self._log.warning("revoke_not_awaited")
        self._lag.forget()

    def joined(self, partitions: Iterable[TopicPartition]) -> None:
        """The group gave this replica its partitions: it is ready."""
        self._lag.forget()
        self._commits.begin_tenure()
        self._log.info("partitions_assigned", count=len(list(partitions)))
        self._readiness.ready("starting")

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if self._breaker.is_open:
                await asyncio.sleep(HOLD_INTERVAL_S)
                continue
            fetched = await self._fetch()
            tenure = self._commits.tenure
            self._lag.read(fetched)
            records = _records(fetched)
            del fetched
            held_bytes = sum(map(size_bytes, records))
            with self._reading_ahead(held_bytes):
                await self._handle_all(tenure, records, stop)
            if self._handler.gathers_s and self._is_part(len(records), held_bytes):
                await unless_stopped(stop, asyncio.sleep(self._handler.gathers_s))
            if self._commits.failing:
                # What is done and not committed would grow, and all of it be repeated.
                await self._commits.settled()
        await self._commits.settled()

    async def _fetch(self) -> Mapping[TopicPartition, Sequence[Any]]:
        """What is there to read, if anything. Goes on elsewhere when Kafka lacks the place.

        Raises:
            KafkaUnavailableError: the consumer is of no use any more.
        """
        try:
            fetched: Mapping[TopicPartition, Sequence[Any]] = await self._consumer.getmany(
                timeout_ms=FETCH_WAIT_MS, max_records=self._settings.worker_max_records
            )
        except NoOffsetForPartitionError:
            tenure = self._commits.tenure
            moved = await self._retry.until_done(self._gaps.begin)
        except OffsetOutOfRangeError as error:
            tenure = self._commits.tenure
            positions: dict[TopicPartition, int] = error.args[0]
            moved = await self._retry.until_done(lambda: self._gaps.bridge(positions))
        except KafkaError as error:
            # Once it has told an error it tells it for ever, whatever becomes of the cause.
            raise KafkaUnavailableError(f"the consumer failed: {type(error).__name__}") from error
        else:
            if not fetched and has_failed(self._consumer):
                raise KafkaUnavailableError("the consumer fetches no more")
            return fetched
        self._commits.add(tenure, moved)
        return {}

    def _is_part(self, count: int, held_bytes: int) -> bool:
        """Whether this is less than a batch may be, and so nearly all that there was."""
        most, most_bytes = self._settings.worker_max_records, self._settings.worker_max_batch_bytes
        return 0 < count < most and held_bytes < most_bytes

    async def _handle_all(self, tenure: int, records: list[Record], stop: asyncio.Event) -> None:
        for batch in batches(
            records,
            self._settings.worker_max_records,
            self._settings.worker_max_batch_bytes,
            size_bytes,
        ):
            rest = batch
            while rest:
                await self._released(tenure, stop)
                async with self._busy:
                    if stop.is_set() or not self._commits.holds(tenure):
                        return
                    rest = rest[await self._process(tenure, rest) :]

    async def _released(self, tenure: int, stop: asyncio.Event) -> None:
        """Returns once the breaker lets records pass, or there is nothing to wait for."""
        while (  # noqa: ASYNC110  # three things end it, of three owners
            self._breaker.is_open and self._commits.holds(tenure) and not stop.is_set()
        ):
            await asyncio.sleep(HOLD_INTERVAL_S)

    @contextmanager
    def _reading_ahead(self, held_bytes: int) -> Iterator[None]:
        """Reads on meanwhile, unless what is held is large already.

        A fetch brings one record at least, however large, from a partition that has nothing
        buffered: of many partitions with the largest bodies, one each would pile up.
        """
        if held_bytes <= self._settings.worker_max_batch_bytes:
            yield
            return
        self._consumer.pause(*self._consumer.assignment())
        try:
            yield
        finally:
            self._consumer.resume(*self._consumer.assignment())

    async def _process(self, tenure: int, batch: Sequence[Record]) -> int:
        """One batch from effect to commit. Gives how many of its records are done: all, unless
        the breaker opened.
        """
        done = await self._effect.of(batch)
        reached(CrashPoint.RESULTS_ACKED)
        self._commits.add(tenure, next_offsets(batch[:done]))
        return done


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Lets the batch in flight end before its partitions go to another replica."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            reached(CrashPoint.REVOKED)
        await self._loop.batch_done()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._loop.joined(assigned)


def _records(fetched: Mapping[TopicPartition, Sequence[Any]]) -> list[Record]:
    return [
        Record(
            Source(partition.topic, partition.partition, message.offset),
            message.key,
            message.value,
            tuple(message.headers),
        )
        for partition, messages in fetched.items()
        for message in messages
    ]
