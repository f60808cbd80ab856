"""Records into Kafka: `acks=all`, idempotent, one batch a partition in flight.

Owns the producer and its replacement. Records that wait for the same partition travel together,
which costs a third less processor time than sending them one by one. There is no time-out in
here: the producer keeps trying while Kafka is away, so callers bring their own deadline, and
their own limit of the bytes that wait.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from runtime.errors import DependencyError, KafkaUnavailableError, RejectError
from runtime.kafka import new_producer, partition_of, start_client, stop_client
from schemas.settings import KafkaSettings
from schemas.topics import max_record_bytes

BATCH_BYTES: Final = 512 * 1024
"""Records share a batch up to here; a larger record has one of its own."""

REQUEST_BYTES: Final = 48 * 1024 * 1024
"""Batches handed to the producer at once. It sends them in one request per broker, and a broker
hangs up on requests above `socket.request.max.bytes` (100 MiB)."""

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


class _Waiting(NamedTuple):
    record: OutRecord
    acked: asyncio.Future[None]


class _Generation:
    """One producer, and the batches that wait in it."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self._sent: set[asyncio.Future[object]] = set()
        self._gone = False

    async def acked(self, sent: asyncio.Future[object]) -> None:
        """Waits for a batch's acks. Raises KafkaError when there will be none."""
        if self._gone:
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

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._max_bytes = max_record_bytes(settings.ingest_max_body_bytes) - 64 * 1024
        self._partitions: dict[str, int] = {}
        self._lanes: dict[tuple[str, int], deque[_Waiting]] = {}
        self._pumps: set[asyncio.Task[None]] = set()
        self._submitted_bytes = 0
        self._turns: deque[asyncio.Future[None]] = deque()
        self._generation: _Generation | None = None
        self._usable = asyncio.Event()
        self._replacing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Publisher":
        producer = new_producer(self._settings, max_batch_bytes=BATCH_BYTES)
        try:
            await start_client(producer, self._settings.kafka_bootstrap)
        except BaseException:
            await stop_client(producer)
            raise
        self._generation = _Generation(producer)
        self._usable.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pumps:
            await asyncio.wait(self._pumps, timeout=FLUSH_TIMEOUT_S)
        tasks = [*self._pumps, *self._replacing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._generation is not None:
            await stop_client(self._generation.producer)

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

    async def learn(self, topics: list[str]) -> None:
        """Asks the cluster for the topics' partitions; needed before `publish`."""
        for topic in topics:
            self._partitions[topic] = len(await self.producer.partitions_for(topic))

    def publish(self, record: OutRecord) -> asyncio.Future[None]:
        """A future that is done when all in-sync replicas have the record.

        It fails with KafkaUnavailableError when the record may not have arrived.

        Raises:
            RejectError: the record is larger than its topic takes (`too_large`).
        """
        if record.size_bytes > self._max_bytes:
            raise RejectError("too_large", f"larger than {record.topic} takes")
        lane_id = (record.topic, partition_of(record.key or b"", self._partitions[record.topic]))
        waiting = _Waiting(record, asyncio.get_running_loop().create_future())
        lane = self._lanes.get(lane_id)
        if lane is None:
            lane = self._lanes[lane_id] = deque()
            pump = asyncio.create_task(self._pump(lane_id, lane))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)
        lane.append(waiting)
        return waiting.acked

    async def _pump(self, lane_id: tuple[str, int], lane: deque[_Waiting]) -> None:
        """Sends what waits for one partition, a batch at a time, until nothing does."""
        try:
            while lane:
                await self._usable.wait()
                generation = self._generation
                if generation is not None:
                    await self._send(generation, lane_id, lane)
        finally:
            # However this ends, nobody waits for ever, and the next record gets a new pump.
            del self._lanes[lane_id]
            _settle(lane, KafkaUnavailableError("stopped"))

    async def _send(
        self, generation: _Generation, lane_id: tuple[str, int], lane: deque[_Waiting]
    ) -> None:
        size_bytes = await self._take_room(lane[0].record.size_bytes)
        taken: list[_Waiting] = []
        try:
            batch = _fill(generation.producer.create_batch(), lane, taken)
            sent = await generation.producer.send_batch(batch, lane_id[0], partition=lane_id[1])
            await generation.acked(sent)
        except asyncio.CancelledError:
            _settle(taken, KafkaUnavailableError("stopped"))
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, these records are not in Kafka
            log.warning("publish_failed", topic=lane_id[0], error=type(error).__name__)
            self._give_up(generation)
            _settle(taken, KafkaUnavailableError(type(error).__name__))
        else:
            _settle(taken, None)
        finally:
            self._give_room(size_bytes)

    async def _take_room(self, first_bytes: int) -> int:
        size_bytes = max(first_bytes, BATCH_BYTES)
        while self._submitted_bytes and self._submitted_bytes + size_bytes > REQUEST_BYTES:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            await turn
        self._submitted_bytes += size_bytes
        return size_bytes

    def _give_room(self, size_bytes: int) -> None:
        self._submitted_bytes -= size_bytes
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)

    def _give_up(self, generation: _Generation) -> None:
        """Replaces a producer after any failed batch.

        The failed batch used up sequence numbers that the broker never saw, so an idempotent
        producer would be refused on that partition for ever.
        Source: https://github.com/aio-libs/aiokafka/issues/1017
        """
        if generation is self._generation and self._usable.is_set():
            self._usable.clear()
            replacing = asyncio.create_task(self._replace(generation))
            self._replacing.add(replacing)
            replacing.add_done_callback(self._replacing.discard)

    async def _replace(self, generation: _Generation) -> None:
        log.warning("producer_replaced")
        producer = None
        while producer is None:
            producer = await self._new_producer()
        self._generation = _Generation(producer)
        self._usable.set()
        try:
            await stop_client(generation.producer)
        finally:
            generation.give_up()

    async def _new_producer(self) -> AIOKafkaProducer | None:
        """A started producer, or None after a pause when there is none to be had now."""
        try:
            producer = new_producer(self._settings, max_batch_bytes=BATCH_BYTES)
        except DependencyError as error:  # certificates, in the middle of their rotation
            log.warning("producer_not_started", reason=error.reason)
            await asyncio.sleep(RESTART_DELAY_S)
            return None
        try:
            await start_client(producer, self._settings.kafka_bootstrap)
        except DependencyError as error:
            log.warning("producer_not_started", reason=error.reason)
            await stop_client(producer)
            await asyncio.sleep(RESTART_DELAY_S)
            return None
        return producer


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


def _settle(taken: Iterable[_Waiting], error: KafkaUnavailableError | None) -> None:
    for waiting in taken:
        if waiting.acked.done():
            continue
        if error is None:
            waiting.acked.set_result(None)
        else:
            waiting.acked.set_exception(error)
            waiting.acked.exception()  # a caller past its deadline no longer looks
