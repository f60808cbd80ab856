"""Records into Kafka: `acks=all`, idempotent, one batch a partition in flight.

Owns the producer and its replacement. Records travel in rounds: what waits for one broker's
partitions goes out together, and what comes meanwhile waits for the acks, because the producer has
one request a broker in flight anyway and most of a request's cost does not depend on its size.
There is no time-out in here: the producer keeps trying while Kafka is away, so callers bring their
own deadline, and their own limit of the bytes that wait.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from runtime.errors import (
    KafkaUnavailableError,
    RecordTooLargeError,
    RejectError,
)
from runtime.kafka import (
    REQUEST_TIMEOUT_MS,
    new_producer,
    partition_counts,
    partition_of,
    require_topics,
    start_client,
    stop_client,
)
from schemas.settings import KafkaSettings
from schemas.topics import max_record_bytes

BATCH_BYTES: Final = 512 * 1024
"""Records share a batch up to here; a larger record has one of its own."""

REQUEST_BYTES: Final = 48 * 1024 * 1024
"""What a round carries, but for a larger record alone. The producer sends it in one request, and a
broker hangs up on requests above `socket.request.max.bytes` (100 MiB)."""

TURN: Final = 6
"""With turns, so many partitions go with a round at once."""

FLUSH_TIMEOUT_S: Final = 3.0
RESTART_DELAY_S: Final = 0.5

log = structlog.get_logger()


class OutRecord(NamedTuple):
    """A record to be published."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    @property
    def size_bytes(self) -> int:
        """Key and value; headers are small."""
        return len(self.key or b"") + len(self.value or b"")


Settled: TypeAlias = Callable[[KafkaUnavailableError | None], None]
"""Called once: with None when all in-sync replicas have the record, else with why they may not."""


class _Waiting(NamedTuple):
    record: OutRecord
    settled: Settled


_Way: TypeAlias = int | TopicPartition
"""A broker's number; a partition, as long as nobody is known to lead it."""

_Lanes: TypeAlias = dict[TopicPartition, deque[_Waiting]]
"""What takes the same way, by partition; the one that waits longest comes first."""


class _Batch:
    """Records of one partition that travel together."""

    def __init__(self) -> None:
        self.records: list[_Waiting] = []
        self.sent: asyncio.Future[object] | None = None

    def settle(self, failure: KafkaUnavailableError | None) -> None:
        """Tells every record's owner, once."""
        records, self.records = self.records, []
        _settle(records, failure)


class _Generation:
    """One producer, and the batches that wait in it."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self._sent: set[asyncio.Future[object]] = set()
        self._gone = False

    async def acked(self, sent: asyncio.Future[object]) -> None:
        """Waits for a batch's acks. Raises KafkaError when there will be none."""
        if self._gone and not sent.done():
            raise KafkaError("producer given up")
        self._sent.add(sent)
        try:
            await sent
        finally:
            self._sent.discard(sent)

    def give_up(self) -> None:
        """Nobody waits for this producer any longer."""
        self._gone = True
        for sent in self._sent:
            if not sent.done():
                sent.set_exception(KafkaError("producer given up"))


class Publisher:
    """Publishes records. Use as `async with`: leaving it flushes what is pending, for 3 s."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        request_timeout_ms: int = REQUEST_TIMEOUT_MS,
        late_topics: Sequence[str] = (),
        turns: bool = False,
    ) -> None:
        """After `request_timeout_ms` without an answer a connection is taken for lost; what was
        sent on it is sent again on another.

        With `late_topics` it opens at once, and is usable for these topics once Kafka is there and
        has them.

        With `turns`, half of many partitions go with a round, and the other half with the next.
        That suits callers who go on as each record is acked: were all taken always, the next
        records would come all at once, too, and this process and Kafka wait for each other.
        """
        self._turns = turns
        self._late_topics = late_topics
        self._settings = settings
        self._request_timeout_ms = request_timeout_ms
        self._max_bytes = max_record_bytes(settings.ingest_max_body_bytes) - 64 * 1024
        self._partitions: dict[str, int] = {}
        self._waiting: dict[_Way, _Lanes] = {}
        self._pumps: dict[_Way, asyncio.Task[None]] = {}
        self._generation: _Generation | None = None
        self._usable = asyncio.Event()
        self._replacing: set[asyncio.Task[None]] = set()
        self._retired: set[_Generation] = set()
        self._acked_at_s: dict[_Way, float] = {}

    async def __aenter__(self) -> "Publisher":
        if self._late_topics:
            self._start_replacing(None)
            return self
        self._adopt(await self._opened())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pumps:
            await asyncio.wait(self._pumps.values(), timeout=FLUSH_TIMEOUT_S)
        tasks = [*self._pumps.values(), *self._replacing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        left = {*self._retired, *((self._generation,) if self._generation else ())}
        await asyncio.gather(*map(self._retire, left), return_exceptions=True)

    @property
    def usable(self) -> bool:
        """Whether there is a producer now; false while a failed one is being replaced."""
        return self._usable.is_set()

    @property
    def producer(self) -> AIOKafkaProducer:
        """The producer in use, for looking at the cluster's metadata."""
        if self._generation is None:
            raise KafkaUnavailableError("no producer")
        return self._generation.producer

    async def wait_usable(self) -> None:
        """Returns when there is a producer."""
        await self._usable.wait()

    def abandon(self, silent_s: float) -> None:
        """Fails now what waits for brokers that acknowledged nothing for so long.

        Where all that are waited for are silent, Kafka is taken for away: what is on its way fails,
        too, and a new producer is tried for. It may arrive all the same.
        """
        since_s = time.monotonic() - silent_s
        silent = [way for way in self._waiting if self._acked_at_s[way] <= since_s]
        all_silent = len(silent) == len(self._waiting)
        for way in silent:
            lanes = self._waiting[way]
            waiting = [one for lane in lanes.values() for one in lane]
            lanes.clear()
            _settle(waiting, KafkaUnavailableError("abandoned"))
        if silent and all_silent and self._generation is not None:
            self._give_up(self._generation)
            self._generation.give_up()

    async def learn(self, topics: Iterable[str]) -> None:
        """Asks the cluster for the topics' partitions; needed before `publish`.

        Raises:
            DependencyError: it does not tell.
        """
        self._partitions |= await partition_counts(self.producer, topics)

    def publish(self, record: OutRecord) -> asyncio.Future[None]:
        """A future that is done when all in-sync replicas have the record.

        It fails with KafkaUnavailableError when the record may not have arrived.

        Raises:
            RejectError: the record is larger than its topic takes (`too_large`).
        """
        acked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.submit(record, lambda failure: _conclude(acked, failure))
        return acked

    def submit(self, record: OutRecord, settled: Settled) -> None:
        """As `publish`, for a caller that is called back at once instead of waiting for a future.

        `settled` must not raise.

        Raises:
            RejectError: the record is larger than its topic takes (`too_large`).
        """
        if record.size_bytes > self._max_bytes:
            raise RejectError("too_large", f"larger than {record.topic} takes")
        number = partition_of(record.key or b"", self._partitions[record.topic])
        partition = TopicPartition(record.topic, number)
        way = way_to(partition, self.producer.client.cluster.leader_for_partition(partition))
        lanes = self._waiting.get(way)
        if lanes is None:
            lanes = self._waiting[way] = {}
            self._acked_at_s[way] = time.monotonic()
            self._pumps[way] = asyncio.create_task(self._pump(way, lanes))
        lane = lanes.get(partition)
        if lane is None:
            lane = lanes[partition] = deque()
        lane.append(_Waiting(record, settled))

    async def _pump(self, way: _Way, lanes: _Lanes) -> None:
        """Round after round to one broker, until nothing waits for it.

        A broker that does not answer holds back its own partitions, not those of the others.
        """
        try:
            while lanes:
                await self._usable.wait()
                if self._generation is not None and await self._round(self._generation, lanes):
                    self._acked_at_s[way] = time.monotonic()
        finally:
            # However this ends, nobody waits for ever, and the next record gets a new pump.
            del self._waiting[way], self._pumps[way], self._acked_at_s[way]
            for lane in lanes.values():
                _settle(lane, KafkaUnavailableError("stopped"))

    async def _round(self, generation: _Generation, lanes: _Lanes) -> bool:
        """Sends a batch of each partition, as many as fit one request, and awaits their acks.

        Gives whether there were any.
        """
        batches: list[_Batch] = []
        room_bytes = REQUEST_BYTES
        try:
            for partition in list(lanes)[: _turn(len(lanes)) if self._turns else None]:
                lane = lanes.get(partition)
                if lane is None:
                    continue  # abandoned meanwhile
                room_bytes -= max(lane[0].record.size_bytes, BATCH_BYTES)
                if batches and room_bytes < 0:
                    break
                batches.append(_Batch())
                await self._send(generation, partition, lane, batches[-1])
                if lanes.get(partition) is lane:  # else abandoned meanwhile
                    del lanes[partition]
                    if lane:
                        lanes[partition] = lane  # behind those that have waited longer now
            acked = [await self._acked(generation, batch) for batch in batches]
            return any(acked)
        finally:
            for batch in batches:
                batch.settle(KafkaUnavailableError("stopped"))

    async def _send(
        self,
        generation: _Generation,
        partition: TopicPartition,
        lane: deque[_Waiting],
        batch: _Batch,
    ) -> None:
        try:
            builder = _fill(generation.producer.create_batch(), lane, batch.records)
            batch.sent = await generation.producer.send_batch(
                builder, partition.topic, partition=partition.partition
            )
        except Exception as error:  # noqa: BLE001  # whatever it is, these records are not in Kafka
            self._fail(generation, batch, error)

    async def _acked(self, generation: _Generation, batch: _Batch) -> bool:
        if batch.sent is None:
            return False
        try:
            await generation.acked(batch.sent)
        except Exception as error:  # noqa: BLE001  # as above
            self._fail(generation, batch, error)
            return False
        batch.settle(None)
        return True

    def _fail(self, generation: _Generation, batch: _Batch, error: Exception) -> None:
        """The batch is not in Kafka, or may not be."""
        topic = batch.records[0].record.topic
        failure = KafkaUnavailableError(type(error).__name__)
        if isinstance(error, MessageSizeTooLargeError):
            failure = RecordTooLargeError(type(error).__name__)
            repair = "run `hookline topics apply`: INGEST_MAX_BODY_BYTES was raised since"
            log.error("topic_takes_too_little", topic=topic, repair=repair)
        else:
            log.warning("publish_failed", topic=topic, error=type(error).__name__)
        self._give_up(generation)
        batch.settle(failure)

    def _give_up(self, generation: _Generation) -> None:
        """Replaces a producer after any failed batch.

        The failed batch used up sequence numbers that the broker never saw, so an idempotent
        producer would be refused on that partition for ever.
        Source: https://github.com/aio-libs/aiokafka/issues/1017
        """
        if generation is self._generation and self._usable.is_set():
            self._usable.clear()
            log.warning("producer_replaced")
            self._start_replacing(generation)

    def _adopt(self, producer: AIOKafkaProducer) -> None:
        """From now on everything goes through this one."""
        generation = self._generation = _Generation(producer)
        self._usable.set()
        metadata: asyncio.Task[None] = producer.client._sync_task  # noqa: SLF001  # no public way
        metadata.add_done_callback(lambda ended: self._metadata_ended(generation, ended))

    def _metadata_ended(self, generation: _Generation, ended: asyncio.Task[None]) -> None:
        """A producer that hears nothing of the cluster waits for ever once it has lost a broker."""
        if not ended.cancelled():  # else it is being stopped
            log.warning("producer_metadata_ended", error=type(ended.exception()).__name__)
            self._give_up(generation)
            generation.give_up()

    def _start_replacing(self, generation: _Generation | None) -> None:
        replacing = asyncio.create_task(self._replace(generation))
        self._replacing.add(replacing)
        replacing.add_done_callback(self._replacing.discard)

    async def _replace(self, generation: _Generation | None) -> None:
        """Another producer, as soon as there is one to be had: nobody else would try again."""
        while True:
            try:
                producer = await self._opened()
                break
            except Exception as error:  # noqa: BLE001  # as above
                reason = getattr(error, "reason", type(error).__name__)
                log.warning("producer_not_started", reason=reason)
                await asyncio.sleep(RESTART_DELAY_S)
        self._adopt(producer)
        if generation is not None:
            self._retired.add(generation)
            await self._retire(generation)

    async def _retire(self, generation: _Generation) -> None:
        """Nobody waits for it any longer, then its tasks and connections end."""
        try:
            await stop_client(generation.producer)
        finally:
            generation.give_up()
        self._retired.discard(generation)

    async def _opened(self) -> AIOKafkaProducer:
        """A started producer that knows the topics it has to.

        Raises:
            DependencyError: Kafka is not there, or lacks the topics.
        """
        producer = new_producer(
            self._settings,
            max_batch_bytes=BATCH_BYTES,
            request_timeout_ms=self._request_timeout_ms,
        )
        try:
            await start_client(producer, self._settings.kafka_bootstrap)
            unknown = [topic for topic in self._late_topics if topic not in self._partitions]
            if unknown:
                await require_topics(producer, unknown)
                self._partitions |= await partition_counts(producer, unknown)
        except BaseException:
            await stop_client(producer)
            raise
        return producer


def way_to(partition: TopicPartition, leader: int | None) -> _Way:
    """What a partition's records share their rounds with: all that its leader has, or nothing.

    A partition that nobody leads (-1), or is known to (None), would hold back any other.
    """
    return partition if leader is None or leader < 0 else leader


def _turn(lanes: int) -> int:
    """How many of so many waiting lanes go with the next round."""
    return max(TURN, (lanes + 1) // 2)


def _fill(batch: BatchBuilder, lane: deque[_Waiting], taken: list[_Waiting]) -> BatchBuilder:
    """The batch with as many of the lane's records as fit, which move to `taken`."""
    while lane:
        taken.append(lane.popleft())
        record = taken[-1].record
        fits = batch.append(
            timestamp=None, key=record.key, value=record.value, headers=record.headers
        )
        if fits is None:
            lane.appendleft(taken.pop())
            break
    batch.close()
    return batch


def _settle(records: Iterable[_Waiting], failure: KafkaUnavailableError | None) -> None:
    for waiting in records:
        waiting.settled(failure)


def _conclude(acked: asyncio.Future[None], failure: KafkaUnavailableError | None) -> None:
    if acked.done():
        return
    if failure is None:
        acked.set_result(None)
    else:
        acked.set_exception(failure)
        acked.exception()  # a caller past its deadline no longer looks
