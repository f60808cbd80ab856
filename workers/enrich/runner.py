"""The reads themselves, beside the loop that puts them down: taken, asked for, recorded, published.

Nothing here sleeps for an account or a budget: whoever may not be asked for stays in the queue.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import structlog

from graph.answers import Answer
from graph.budget.ledger import Grant, Ledger
from graph.budget.outcomes import outcomes_of, outcomes_without_answer
from graph.client import Client, Credentials
from graph.errors import Action, GraphUnavailableError
from graph.requests import read
from graph.tokens import Token, Tokens
from runtime.crash_points import reached
from runtime.errors import KafkaUnavailableError
from runtime.publisher import Publisher
from runtime.retry import Retry
from schemas.crash_points import CrashPoint
from schemas.enriched import Read
from schemas.settings import GraphSettings
from workers.enrich.batch import BatchSize
from workers.enrich.counts import count
from workers.enrich.deferral import Step, after_answer, after_silence, is_silence, told_apart
from workers.enrich.follow import media_of
from workers.enrich.published import enriched_record
from workers.enrich.queue import Due, Queue, Recorded, TaskState
from workers.enrich.task import NewTask, Task
from workers.enrich.wanted import PRIORITIES

LIVE: Final = (PRIORITIES["live_comments"],)
ANY: Final = tuple(range(5))

LOOK_INTERVAL_S: Final = 0.5
"""How soon a replica notices what another one put down, or what has become due."""

TIDY_INTERVAL_S: Final = 2.0
TIDY_COUNT: Final = 500
PUBLISH_TIMEOUT_S: Final = 30.0

log = structlog.get_logger()


class Done(NamedTuple):
    """What a call made of its tasks."""

    reads: list[Recorded]
    states: list[TaskState]
    more: list[NewTask]


class Runner:
    """Does the tasks of the queue, several calls at a time, one of them kept for live comments."""

    def __init__(
        self,
        queue: Queue,
        client: Client,
        tokens: Tokens,
        ledger: Ledger,
        publisher: Publisher,
        retry: Retry,
        settings: GraphSettings,
    ) -> None:
        self._queue = queue
        self._client = client
        self._tokens = tokens
        self._ledger = ledger
        self._publisher = publisher
        self._retry = retry
        self._concurrency = settings.graph_concurrency
        self._media_max_age = timedelta(seconds=settings.graph_media_max_age_s)
        self._batch = BatchSize()
        self._closed: dict[tuple[str, bool], datetime] = {}

    async def run(self, some: asyncio.Event, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then ends the calls in flight. `some` says: look now.

        A task that is cut short comes again when its lease has run out.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._slot(ANY, some, stop))
            group.create_task(self._slot(LIVE, some, stop))
            group.create_task(self._tidy(stop))

    async def _slot(
        self, priorities: Sequence[int], some: asyncio.Event, stop: asyncio.Event
    ) -> None:
        while not stop.is_set():
            some.clear()
            if not await self._retry.until_done(lambda: self._turn(priorities)):
                await _either(some, stop, LOOK_INTERVAL_S)

    async def _tidy(self, stop: asyncio.Event) -> None:
        """Publishes what others left behind, and which rows wait for a person."""
        while not stop.is_set():
            worked = await self._retry.until_done(self._publish_left_behind)
            worked = await self._retry.until_done(self._tell_parked) or worked
            if not worked:
                await _either(stop, stop, TIDY_INTERVAL_S)

    async def _turn(self, priorities: Sequence[int]) -> bool:
        """One call, if there is one to be made now."""
        for due in await self._queue.due(priorities):
            urgent = due.priority in LIVE
            if self._closed.get((due.account_id, urgent), _NEVER) > datetime.now(UTC):
                continue
            token = await self._tokens.of(due.account_id)
            if token is not None and await self._call(due, token, urgent=urgent):
                return True
        return False

    async def _call(self, due: Due, token: Token, *, urgent: bool) -> bool:
        """As many tasks of an account as one call may do. Whether there was one."""
        most = self._batch.most
        grant = await self._ledger.reserve(token.app_id, due.account_id, most, urgent=urgent)
        if not grant.calls:
            wait = grant.not_before - grant.at
            self._closed[due.account_id, urgent] = datetime.now(UTC) + wait
            return False
        tasks = await self._queue.take(due, grant.calls)
        if tasks:
            reached(CrashPoint.TASKS_TAKEN)
            await self._ask(token, tasks, grant)
        else:
            await self._ledger.settle(grant, outcomes_of([]))
        return bool(tasks)

    async def _ask(self, token: Token, tasks: Sequence[Task], grant: Grant) -> None:
        try:
            answers = await self._answers(token, tasks)
        except GraphUnavailableError as error:
            self._batch.unanswered(len(tasks), error.reason)
            outcomes = outcomes_without_answer(len(tasks), error)
            done = silence_of(tasks, error.reason, datetime.now(UTC))
            await self._surely(lambda: self._ledger.settle(grant, outcomes))
            await self._surely(lambda: self._queue.record(*done))
            raise  # the slot waits: others would find no answer either
        reached(CrashPoint.GRAPH_ANSWERED)
        answers = told_apart([task.endpoint for task in tasks], answers)
        done = results_of(tasks, answers, datetime.now(UTC), self._media_max_age)
        # Closed first what is to be closed: the tasks are free again once they are recorded.
        await self._surely(lambda: self._ledger.settle(grant, outcomes_of(answers)))
        await self._surely(lambda: self._park(token, tasks, answers))
        await self._surely(lambda: self._queue.record(*done))
        reached(CrashPoint.READS_RECORDED)
        await self._publish(done.reads)
        if all(is_silence(answer) for answer in answers):
            unavailable = _unavailable(answers[0])
            self._batch.unanswered(len(tasks), unavailable.reason)
            raise unavailable
        self._batch.answered(len(tasks))

    async def _surely(self, work: Callable[[], Awaitable[None]]) -> None:
        """What a call told is not lost because PostgreSQL is away for a while."""
        await self._retry.until_done(work)

    async def _answers(self, token: Token, tasks: Sequence[Task]) -> list[Answer]:
        credentials = Credentials(token.value, token.app_secret)
        requests = [read(task.endpoint, task.account_id, task.object_id) for task in tasks]
        if len(requests) == 1:
            return [await self._client.read(requests[0], credentials)]
        return await self._client.batch(requests, credentials)

    async def _park(self, token: Token, tasks: Sequence[Task], answers: Sequence[Answer]) -> None:
        """What a person has to repair is not asked for again before."""
        refused = {
            (verdict, task.endpoint)
            for task, answer in zip(tasks, answers, strict=True)
            if (verdict := answer.verdict) is not None
        }
        for verdict, endpoint in sorted(refused, key=lambda one: (one[0].reason, one[1])):
            if verdict.action is Action.PARK_ACCOUNT:
                await self._tokens.park(token, verdict.reason)
            elif verdict.action is Action.PARK_FIELD:
                await self._tokens.park_endpoint(token, endpoint, verdict.reason)

    async def _publish(self, reads: Sequence[Recorded]) -> None:
        """Published, the tasks end. Where Kafka is away, whoever tidies up does it later."""
        if reads:
            await self._acknowledged(reads)
            reached(CrashPoint.READS_PUBLISHED)
            await self._queue.published(reads)

    async def _acknowledged(self, reads: Sequence[Recorded]) -> None:
        """Returns when Kafka has them. Raises KafkaUnavailableError when it may not."""
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await asyncio.gather(
                    *(self._publisher.publish(enriched_record(read)) for read in reads)
                )
        except TimeoutError as error:
            raise KafkaUnavailableError("acks outstanding") from error
        count(reads, datetime.now(UTC))

    async def _publish_left_behind(self) -> bool:
        reads = await self._queue.left_behind(TIDY_COUNT)
        await self._publish(reads)
        return bool(reads)

    async def _tell_parked(self) -> bool:
        """Says on the rows of tasks which wait for a person, and why."""
        found = await self._queue.parked(TIDY_COUNT)
        now = datetime.now(UTC)
        reads = [_recorded(task, Step("parked", why, now, 0), None, now) for task, why in found]
        if reads:
            await self._acknowledged(reads)
            await self._queue.parked_told([task.key for task, _ in found])
        return bool(reads)


_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def _unavailable(answer: Answer) -> GraphUnavailableError:
    """What an answer that says nothing about what was asked for means for the slot."""
    reason = answer.verdict.reason if answer.verdict else "graph_unreadable"
    code = f", code {answer.error.code}" if answer.error else ""
    return GraphUnavailableError(reason, f"HTTP {answer.http_status}{code}", was_sent=True)


def silence_of(tasks: Sequence[Task], reason: str, now: datetime) -> Done:
    """What it makes of the tasks that there was no answer."""
    states = [
        _state(task, after_silence(reason, task.attempts, task.first_ambiguous_at, now), now)
        for task in tasks
    ]
    return Done([], states, [])


def results_of(
    tasks: Sequence[Task], answers: Sequence[Answer], now: datetime, media_max_age: timedelta
) -> Done:
    """What the answers make of their tasks."""
    done = Done([], [], [])
    for task, answer in zip(tasks, answers, strict=True):
        step = after_answer(task.endpoint, answer, task.attempts, task.first_ambiguous_at, now)
        if step.status is not None:
            done.reads.append(_recorded(task, step, answer, now))
        done.states.append(_state(task, step, now))
        done.more.extend(media_of(task, answer, now, media_max_age))
    return done


def _state(task: Task, step: Step, now: datetime) -> TaskState:
    return TaskState(
        task.key,
        step.due_at or now,
        step.attempts,
        step.reason,
        step.first_ambiguous_at,
        None if step.status is None else now,
    )


def _recorded(task: Task, step: Step, answer: Answer | None, now: datetime) -> Recorded:
    error = answer.error if answer is not None else None
    read_now = Read.model_validate(
        {
            **task.key._asdict(),
            "read_at": now,
            "status": step.status,
            "reason": step.reason,
            "code": error and error.code,
            "subcode": error and error.subcode,
            "http_status": answer and answer.http_status,
            "api_version": answer and answer.api_version,
            "answer": answer and answer.object,
        }
    )
    return Recorded(task.event, task.event_id, task.field, read_now)


async def _either(one: asyncio.Event, other: asyncio.Event, timeout_s: float) -> None:
    """Returns when one of them is set, or after a while."""
    waits = [asyncio.create_task(event.wait()) for event in {one, other}]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
