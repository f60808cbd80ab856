"""A batch from its handler to its acks: the effect, its results, and dead letters.

Owns the isolation of records that cannot be processed. Which offsets that finishes, the loop knows.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from runtime import metrics
from runtime.breaker import Breaker
from runtime.crash_points import reached
from runtime.errors import (
    HooklineError,
    KafkaUnavailableError,
    RejectError,
    StatementTimeoutError,
    StopError,
)
from runtime.publisher import OutRecord, Publisher
from runtime.retry import Retry
from runtime.worker import VERSION, Handler, Outcome, Record, dead_letter
from schemas.crash_points import CrashPoint
from schemas.dead_letters import DeadLetter, dead_letter_headers
from schemas.topics import DEAD_LETTERS

log = structlog.get_logger()


class Effect:
    """What one worker does with batches. Waits for dependencies that are away."""

    def __init__(
        self,
        handler: Handler,
        publisher: Publisher,
        retry: Retry,
        breaker: Breaker,
        produce_timeout_s: float,
    ) -> None:
        """Says not ready once acks are outstanding for `produce_timeout_s`."""
        self._handler = handler
        self._publisher = publisher
        self._retry = retry
        self._breaker = breaker
        self._produce_timeout_s = produce_timeout_s
        self._log = log.bind(worker=handler.name)

    async def of(self, batch: Sequence[Record]) -> int:
        """Handles and publishes a batch. One with a bad record is halved until that is alone; so is
        one that PostgreSQL takes too long over, until it does not.

        Returns:
            How many records are done, from the first on: not all when the breaker opened.

        Raises:
            StopError: a dead letter cannot be written, or not be stored.
        """
        try:
            outcome = await self._handle(batch)
            reached(CrashPoint.EFFECT_DONE)
            await self._publish(outcome)
        except _TooMuchError:
            return await self._halves(batch)
        except RejectError as error:
            if len(batch) > 1:
                return await self._halves(batch)
            outcome = await self._give_up(batch[0], error)
        dead = {letter.source for letter in outcome.dead}
        self._breaker.count([record.source in dead for record in batch])
        return len(batch)

    async def _halves(self, batch: Sequence[Record]) -> int:
        middle = len(batch) // 2
        done = await self.of(batch[:middle])
        if self._breaker.is_open:
            return done
        return done + await self.of(batch[middle:])

    async def _handle(self, batch: Sequence[Record]) -> Outcome:
        async def handle() -> Outcome:
            try:
                return await self._handler.handle(batch)
            except StatementTimeoutError as error:
                if len(batch) == 1:
                    raise
                self._log.warning("batch_halved", records=len(batch), detail=str(error))
                raise _TooMuchError from error

        return await self._retry.until_done(handle)

    async def _give_up(self, record: Record, refusal: RejectError) -> Outcome:
        """Publishes a record's dead letter, which nothing can take the place of."""
        if record.source.topic == DEAD_LETTERS:
            # Another letter about a letter would come back here for ever.
            raise StopError(f"a dead letter cannot be stored: {refusal}") from refusal
        letter = dead_letter(self._handler.name, record, refusal.reason, refusal.detail)
        outcome = Outcome(dead=[letter])
        try:
            await self._publish(outcome)
        except RejectError as error:
            raise StopError(f"a dead letter cannot be written: {error}") from error
        return outcome

    async def _publish(self, outcome: Outcome) -> None:
        """Publishes results and dead letters and awaits every ack; what failed is sent again."""
        waiting = [*outcome.results, *(_dead_record(letter) for letter in outcome.dead)]

        async def publish_rest() -> None:
            nonlocal waiting
            waiting = await self._publish_once(waiting)
            if waiting:
                raise KafkaUnavailableError(f"{len(waiting)} records not acknowledged")

        await self._retry.until_done(publish_rest)
        if outcome.dead:
            reached(CrashPoint.DEAD_LETTER_ACKED)
        for letter in outcome.dead:
            metrics.DEAD_LETTERS.labels(letter.stage, letter.reason).inc()
            self._log.warning("dead_letter", reason=letter.reason, **letter.source._asdict())

    async def _publish_once(self, records: list[OutRecord]) -> list[OutRecord]:
        """Those of the records that Kafka did not acknowledge.

        While Kafka is away the producer keeps the records and sends them when it is back: after a
        time the service says that it is not ready, and goes on waiting.
        """
        if not records:
            return []
        acks = [self._publisher.publish(record) for record in records]
        everything = asyncio.gather(*acks, return_exceptions=True)
        try:
            async with asyncio.timeout(self._produce_timeout_s):
                results = await asyncio.shield(everything)
        except TimeoutError:
            self._retry.begin_waiting(KafkaUnavailableError("acks outstanding"))
            results = await everything
        for failure in results:
            if failure is not None and not isinstance(failure, KafkaUnavailableError):
                raise failure
        return [record for record, failed in zip(records, results, strict=True) if failed]


class _TooMuchError(HooklineError):
    """A batch takes longer than it may. Fewer of its records at once may not."""


def _dead_record(letter: DeadLetter) -> OutRecord:
    headers = dead_letter_headers(letter, version=VERSION, failed_at=datetime.now(UTC))
    return OutRecord(DEAD_LETTERS, letter.key, letter.value, headers)
