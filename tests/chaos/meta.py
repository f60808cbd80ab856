"""Meta's side of a run: traffic all the while, single deliveries that are followed to their rows,
and poison. Remembers what was acknowledged, and what may have arrived without an answer.
"""

import asyncio
import hashlib
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from aiokafka import AIOKafkaProducer

from schemas.topics import raw_topic
from simulator.cases import CASES
from simulator.delivery import Delivery
from simulator.graph.graph import Graph
from simulator.report import Progress, Report
from simulator.schedule import RetrySchedule
from simulator.sender import ANSWER_DEADLINE_S, SenderOptions, send
from simulator.signing import headers
from simulator.target import Target
from simulator.traffic import burst, mixed
from tests.chaos.rows import Rows

COMPRESSION: Final = 500.0
"""Meta's 36 hours of resending take 4 minutes: longer than any outage here."""

ENDLESS: Final = 10**9
CONCURRENCY: Final = 32

PULSE_INTERVAL_S: Final = 0.5
PULSE_CHANGES: Final = 3
VOLLEY: Final = 12
"""As many as topics have partitions: spread by their hash, they meet most of them."""

RESEND_PAUSE_S: Final = 0.1
POISON_BODIES: Final = 3
PRODUCE_TIMEOUT_S: Final = 30.0


@dataclass(slots=True)
class Beat:
    """A delivery that was followed. Seconds since the beginning of the stage; none: not yet."""

    sent_s: float
    acked_s: float | None = None
    stored_s: float | None = None


@dataclass(slots=True)
class Promise:
    """What was sent, apart from the traffic's report.

    Attributes:
        acknowledged: answered 200.
        perhaps: sent, and never answered 200: it may be stored or not.
        poison: SHA-256 of each value that must become a dead letter.
        posted: how often each body was sent, by its SHA-256.
    """

    acknowledged: list[Delivery] = field(default_factory=list)
    perhaps: list[Delivery] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    posted: Counter[str] = field(default_factory=Counter)


class Meta:
    """Meta, against one receiver.

    Args:
        target: the receiver.
        kafka_bootstrap: for the record that no ingest would write.
        rows: where deliveries are looked for.
        graph: is told of each delivery before it is sent.
        seed: of all that is sent.
        rate_per_s: new deliveries a second.
    """

    def __init__(
        self,
        target: Target,
        kafka_bootstrap: str,
        rows: Rows,
        graph: Graph,
        seed: int,
        rate_per_s: float,
    ) -> None:
        self._target = target
        self._kafka_bootstrap = kafka_bootstrap
        self._rows = rows
        self._graph = graph
        self._seed = seed
        self._rate_per_s = rate_per_s
        self._begun_s = time.monotonic()
        self._stop = asyncio.Event()
        self._single = burst(seed + 1, PULSE_CHANGES, ("comments", "mentions"), accounts=12)
        self._unreadable = mixed(seed + 2, ENDLESS, [case for case in CASES if case.rare])
        self._session: aiohttp.ClientSession | None = None
        self.beats: list[Beat] = []
        self.promise = Promise()
        self.progress = Progress(0, 0, 0, 0, 0)

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun_s

    @property
    def acknowledged(self) -> int:
        """Deliveries answered 200 so far."""
        return self.progress.acknowledged + len(self.promise.acknowledged)

    @asynccontextmanager
    async def pulse(self) -> AsyncIterator[None]:
        """Follows a delivery every half second meanwhile; at the end, waits for the last ones."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_DEADLINE_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            self._session = session
            async with asyncio.TaskGroup() as beats:
                beating = beats.create_task(self._beat(beats))
                try:
                    yield
                finally:
                    beating.cancel()

    async def _beat(self, beats: asyncio.TaskGroup) -> None:
        while True:
            beats.create_task(self.follow())
            await asyncio.sleep(PULSE_INTERVAL_S)

    async def traffic(self) -> Report:
        """Sends mixed traffic until `end_traffic`, then what has to be sent again."""

        def note(progress: Progress) -> None:
            self.progress = progress

        return await send(
            self._target,
            self._mixed(),
            SenderOptions(
                concurrency=CONCURRENCY,
                rate_per_s=self._rate_per_s,
                schedule=RetrySchedule(compression=COMPRESSION),
                remember=True,
            ),
            note,
        )

    def end_traffic(self) -> None:
        """Nothing new is sent from now on."""
        self._stop.set()

    def _mixed(self) -> Iterator[Delivery]:
        """Every kind of delivery, but those that are dead letters: they are sent on purpose."""
        for delivery in mixed(self._seed, ENDLESS):
            if self._stop.is_set():
                return
            if delivery.readable:
                self._graph.tell(delivery.body)
                yield delivery

    async def volley(self) -> None:
        """Sends several fresh deliveries at once; returns when all of them are stored."""
        async with asyncio.TaskGroup() as group:
            for _ in range(VOLLEY):
                group.create_task(self.follow())

    async def follow(self) -> None:
        """Sends a fresh delivery until it is acknowledged; returns when it is in SQL."""
        delivery = next(self._single)
        self._graph.tell(delivery.body)
        beat = Beat(self.now_s)
        self.beats.append(beat)
        await self._deliver(delivery)
        beat.acked_s = self.now_s
        await self._rows.stored(delivery)
        beat.stored_s = self.now_s

    async def poison_bodies(self) -> None:
        """Sends signed bodies that nobody can read, until they are acknowledged."""
        for _ in range(POISON_BODIES):
            delivery = next(self._unreadable)
            self.promise.poison.add(hashlib.sha256(delivery.body).hexdigest())
            await self._deliver(delivery)

    async def poison_record(self) -> None:
        """Writes a record into a raw topic that has none of the headers it must have."""
        value = next(self._single).body
        self.promise.poison.add(hashlib.sha256(value).hexdigest())
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka_bootstrap, acks="all")
        async with asyncio.timeout(PRODUCE_TIMEOUT_S), producer:
            await producer.send_and_wait(raw_topic("comments"), value, key=b"poison")

    async def _deliver(self, delivery: Delivery) -> None:
        """Posts until the answer is 200, as Meta does."""
        self.promise.perhaps.append(delivery)
        while not await self._post(delivery):
            await asyncio.sleep(RESEND_PAUSE_S)
        self.promise.perhaps.remove(delivery)
        self.promise.acknowledged.append(delivery)

    async def _post(self, delivery: Delivery) -> bool:
        if self._session is None:
            raise RuntimeError("there is no pulse")
        fields = headers(delivery.body, self._target.app_secret)
        self.promise.posted[hashlib.sha256(delivery.body).hexdigest()] += 1
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._session.post(
                self._target.webhook_url,
                data=io.BytesIO(delivery.body),
                headers=fields,
                allow_redirects=False,
            ) as answer:
                await answer.read()
                return answer.status == 200
        return False
