"""Meta's sender: posts deliveries, remembers what was answered 200, sends the rest again.

Owns the network side. It promises nothing about order, as Meta does not.
"""

import asyncio
import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from time import perf_counter
from typing import Final

import aiohttp

from simulator.delivery import Delivery
from simulator.report import Outcome, Progress, Report, State
from simulator.schedule import RetrySchedule
from simulator.signing import headers
from simulator.target import Target, require_local

ANSWER_DEADLINE_S: Final = 5.0
"""How long Meta waits for an answer, by its strictest page.

Source: https://developers.facebook.com/docs/messenger-platform/webhooks
"""

STREAMED_FROM_BYTES: Final = 512 * 1024
"""A larger body is written piece by piece, so that one does not hold up the others."""

GRAPH_DELIVERIES_PATH: Final = "/_simulator/deliveries"


@dataclass(frozen=True, slots=True)
class SenderOptions:
    """How to send.

    Attributes:
        concurrency: requests in flight at once.
        rate_per_s: new deliveries started a second at most; None: as fast as answers come.
            Retries come on top, as Meta's do.
        schedule: when what was not answered 200 is sent again.
        answer_deadline_s: an answer that takes longer counts as none.
        max_waiting: deliveries between two attempts at most; at that number no new one starts.
        remember: keep deliveries in the report, to compare them with what is stored.
        allow_remote: let the target be another machine.
        graph_url: of a Graph API of our own, which is told of each delivery before it is sent, so
            that it knows what a receiver asks for.
    """

    concurrency: int = 16
    rate_per_s: float | None = None
    schedule: RetrySchedule = field(default_factory=RetrySchedule)
    answer_deadline_s: float = ANSWER_DEADLINE_S
    max_waiting: int = 10_000
    remember: bool = False
    allow_remote: bool = False
    graph_url: str | None = None


@dataclass(order=True, slots=True)
class _Job:
    """A delivery under way, ordered by when it is due (seconds on the loop's clock)."""

    due_s: float
    index: int
    delivery: Delivery = field(compare=False)
    attempts: int = field(default=0, compare=False)


async def send(
    target: Target,
    deliveries: Iterable[Delivery],
    options: SenderOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Report:
    """What became of `deliveries`, once each was answered or given up.

    Args:
        target: the receiver and the secret.
        deliveries: taken one by one as there is room; may be endless only if it ends by itself,
            for example by looking at a clock.
        options: how to send.
        progress: called after every attempt, with counts; must not block.

    Raises:
        RemoteTargetError: the target, or the Graph API that is to be told, is not this machine,
            and that was not allowed.
    """
    options = options or SenderOptions()
    if not options.allow_remote:
        require_local(target.url)
        require_local(options.graph_url or target.url)
    sender = _Sender(target, iter(deliveries), options, progress)
    return await sender.run()


class _Sender:
    """One run. Its workers share the stream, the waiting room and the report."""

    def __init__(
        self,
        target: Target,
        deliveries: Iterator[Delivery],
        options: SenderOptions,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._target = target
        self._deliveries = deliveries
        self._options = options
        self._progress = progress
        self._delays_s = options.schedule.delays_s()
        self._report = Report()
        self._waiting: list[_Job] = []
        self._in_flight = 0
        self._exhausted = False
        self._next_start_s = 0.0
        self._changed = asyncio.Condition()

    async def run(self) -> Report:
        # Latencies are not taken from the loop's clock: uvloop's has whole milliseconds.
        begun_s = perf_counter()
        self._next_start_s = asyncio.get_running_loop().time()
        connector = aiohttp.TCPConnector(limit=self._options.concurrency)
        timeout = aiohttp.ClientTimeout(total=self._options.answer_deadline_s)
        # Signed bodies go to the target and nowhere else: no proxy from the environment.
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
            asyncio.TaskGroup() as workers,
        ):
            for _ in range(self._options.concurrency):
                workers.create_task(self._work(session))
        self._report.elapsed_s = perf_counter() - begun_s
        self._report.outcomes.sort(key=lambda outcome: outcome.index)
        return self._report

    async def _work(self, session: aiohttp.ClientSession) -> None:
        while (job := await self._next()) is not None:
            status = await self._post(session, job)
            self._settle(job, status)
            self._in_flight -= 1
            async with self._changed:
                self._changed.notify_all()

    async def _next(self) -> _Job | None:
        """The next delivery to send, as soon as one is due; None when all are settled."""
        loop = asyncio.get_running_loop()
        # Looked at under the lock: a worker that gets done between look and wait would be missed.
        async with self._changed:
            while True:
                now_s = loop.time()
                job = self._due(now_s)
                if job is not None:
                    self._in_flight += 1
                    return job
                if self._exhausted and not self._waiting and not self._in_flight:
                    return None
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s(now_s)):
                        await self._changed.wait()

    def _due(self, now_s: float) -> _Job | None:
        if self._waiting and self._waiting[0].due_s <= now_s:
            return heapq.heappop(self._waiting)
        if not self._may_start() or self._next_start_s > now_s:
            return None
        delivery = next(self._deliveries, None)
        if delivery is None:
            self._exhausted = True
            return None
        if self._options.rate_per_s is not None:
            # The pace is kept from the plan, not from now, so that a late start is made up for,
            # but by one second at most: a stalled receiver is not met with a flood.
            self._next_start_s = max(self._next_start_s, now_s - 1) + 1 / self._options.rate_per_s
        job = _Job(now_s, self._report.started, delivery)
        self._report.started += 1
        return job

    def _may_start(self) -> bool:
        return not self._exhausted and len(self._waiting) < self._options.max_waiting

    def _pause_s(self, now_s: float) -> float | None:
        """How long nothing can be due; None: until another worker is done."""
        moments = [job.due_s for job in self._waiting[:1]]
        if self._may_start():
            moments.append(self._next_start_s)
        return max(min(moments) - now_s, 0.0) if moments else None

    async def _post(self, session: aiohttp.ClientSession, job: _Job) -> int | None:
        """The status of the answer, or None. Failures are counted by kind."""
        delivery = job.delivery
        fields = headers(delivery.body, self._target.app_secret, delivery.signing)
        if delivery.content_encoding is not None:
            fields["Content-Encoding"] = delivery.content_encoding
        job.attempts += 1
        self._report.attempts += 1
        if job.attempts == 1:
            await self._tell_graph(session, delivery)
        begun_s = perf_counter()
        try:
            async with session.post(
                self._target.webhook_url,
                data=_data(delivery),
                headers=fields,
                allow_redirects=False,
            ) as answer:
                await answer.read()
        except TimeoutError:
            self._report.failures["timeout"] += 1
        except aiohttp.ClientConnectorError:
            self._report.failures["not_connected"] += 1
        except (aiohttp.ClientError, OSError):
            self._report.failures["broken_off"] += 1
        else:
            self._report.answers[answer.status] += 1
            if answer.status == 200:
                self._report.latencies_s.append(perf_counter() - begun_s)
            return answer.status
        return None

    async def _tell_graph(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        """Tells the Graph API of our own; that it could not be told is counted, and no more."""
        if self._options.graph_url is None:
            return
        url = self._options.graph_url.rstrip("/") + GRAPH_DELIVERIES_PATH
        try:
            async with session.post(url, data=_data(delivery)) as answer:
                answer.raise_for_status()
        except (aiohttp.ClientError, OSError, TimeoutError):
            self._report.failures["graph_not_told"] += 1

    def _settle(self, job: _Job, status: int | None) -> None:
        """Ends the delivery, or puts it into the waiting room until its next attempt."""
        state = verdict(job.delivery, status)
        if state is None and job.attempts <= len(self._delays_s):
            self._report.retried += job.attempts == 1
            job.due_s = asyncio.get_running_loop().time() + self._delays_s[job.attempts - 1]
            heapq.heappush(self._waiting, job)
        else:
            self._conclude(job, status, state or State.GIVEN_UP)
        if self._progress is not None:
            self._progress(self._now())

    def _conclude(self, job: _Job, status: int | None, state: State) -> None:
        report, delivery = self._report, job.delivery
        digest = hashlib.sha256(delivery.body).hexdigest()
        report.outcomes.append(
            Outcome(job.index, delivery.case, digest, state, status, job.attempts)
        )
        report.states[state] += 1
        if self._options.remember:
            report.kept[job.index] = delivery
        if state is State.ACKNOWLEDGED:
            report.acknowledged_changes.update(change.field for change in delivery.changes)
            report.acknowledged_bytes += len(delivery.body)

    def _now(self) -> Progress:
        states = self._report.states
        return Progress(
            self._report.started,
            states[State.ACKNOWLEDGED],
            states[State.REFUSED],
            len(self._waiting),
            states[State.GIVEN_UP],
        )


def _data(delivery: Delivery) -> bytes | BytesIO:
    large = len(delivery.body) > STREAMED_FROM_BYTES
    return BytesIO(delivery.body) if large else delivery.body


def verdict(delivery: Delivery, status: int | None) -> State | None:
    """What an answer makes of a delivery; None: send it again.

    Meta takes any answer but 200 for a failure. A delivery that must be refused is done when it
    is refused as it should be; any other answer but 200 may be a receiver in trouble.
    """
    if status == 200:
        return State.ACKNOWLEDGED if delivery.status == 200 else State.WRONGLY_ACCEPTED
    if status is not None and status == delivery.status:
        return State.REFUSED
    return None
