"""One stage at work on batches: its live handler, in one transaction with what is counted."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import stamina
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.rebuild.line import Handles, settled
from hookline.replay.batch import BATCH_BYTES, BATCH_RECORDS, Batch
from hookline.replay.ground import Ground
from hookline.replay.ledger import Ledger, counts_of
from hookline.replay.letters import new_letters
from hookline.replay.order import ReplayError
from hookline.replay.told import told_by
from runtime.batches import batches
from runtime.breaker import Tally as Breaker
from runtime.database import transaction
from runtime.errors import DependencyError, RejectError, RetryError
from runtime.publisher import OutRecord, Publisher
from runtime.worker import VERSION, Outcome, Record, size_bytes
from schemas.dead_letters import DeadLetter, dead_letter_headers
from schemas.topics import DEAD_LETTERS

PATIENCE_S: Final = 30.0
ACK_TIMEOUT_S: Final = 30.0

BREAKER_RATIO: Final = 0.01
BREAKER_MIN_RECORDS: Final = 1_000
BREAKER_RUN: Final = 50
"""As a live worker's, when nothing else is set."""


class Stage:
    """Does batches. Without a publisher nothing is published, as in a dry run."""

    def __init__(
        self,
        held: AsyncEngine,
        handler: Handles,
        ground: Ground,
        ledger: Ledger,
        publisher: Publisher | None,
    ) -> None:
        self._held = held
        self._handler = handler
        self._ground = ground
        self._ledger = ledger
        self._publisher = publisher
        self._breaker = Breaker(BREAKER_RATIO, BREAKER_MIN_RECORDS, BREAKER_RUN)

    async def do(self, batch: Batch) -> None:
        """Handles a batch and counts it; then publishes what came of it.

        Raises:
            DependencyError: PostgreSQL or Kafka was away for 30 s.
            ReplayError: too many records became dead letters.
        """
        outcome, new = Outcome(), list[DeadLetter]()
        try:
            async for attempt in stamina.retry_context(
                on=RetryError, attempts=None, timeout=PATIENCE_S, wait_max=2.0
            ):
                with attempt:
                    outcome = await self._effect(batch)
                    if self._publisher is not None:
                        new = await new_letters(self._held, outcome.dead)
        except RetryError as error:
            raise DependencyError(f"PostgreSQL cannot be used ({error}). Does it run?") from error
        if self._publisher is None:
            return
        letters = [_letter_record(letter) for letter in new]
        await _publish(self._publisher, [*outcome.results, *letters])
        dead = {_sign(letter) for letter in outcome.dead}
        tripped = self._breaker.add([_sign(record) in dead for record in batch.records])
        if tripped:
            raise ReplayError(
                f"Stopped: {tripped}. `hookline dead-letters stats` tells why; then go on."
            )

    async def _effect(self, batch: Batch) -> Outcome:
        effect = self._ground.effect
        told = {_sign(record): told_by(effect, record) for record in batch.records}
        every = [one for some in told.values() for one in some]
        async with transaction(self._held) as connection:
            is_new = await self._ledger.is_new(connection, batch)
            before = await self._ground.states(connection, every)
            outcome = Outcome()
            for part in batches(batch.records, BATCH_RECORDS, BATCH_BYTES, size_bytes):
                done = await settled(self._handler, part)
                outcome.results += done.results
                outcome.dead += done.dead
            if is_new:
                after = await self._ground.states(connection, every)
                dead = {_sign(letter) for letter in outcome.dead}
                kept = [one for sign, some in told.items() if sign not in dead for one in some]
                counts = counts_of(
                    effect,
                    batch,
                    self._ground.tallies(kept, before, after),
                    published=len(outcome.results),
                    failed=len(outcome.dead),
                )
                await self._ledger.add(connection, batch, counts)
        return outcome


def _sign(record: Record | DeadLetter) -> tuple[object, ...]:
    """What tells a record of a batch from the others, and its dead letter from theirs."""
    return record.source, record.headers


def _letter_record(letter: DeadLetter) -> OutRecord:
    headers = dead_letter_headers(letter, version=VERSION, failed_at=datetime.now(UTC))
    return OutRecord(DEAD_LETTERS, letter.key, letter.value, headers)


async def _publish(publisher: Publisher, records: Sequence[OutRecord]) -> None:
    """Publishes records and awaits their acks.

    Raises:
        DependencyError: Kafka did not take them within 30 s. They come again.
        ReplayError: one is larger than its topic takes.
    """
    try:
        acks = [publisher.publish(record) for record in records]
    except RejectError as error:
        raise ReplayError(
            f"What came of a record cannot be published ({error}). Raise "
            "HOOKLINE_INGEST_MAX_BODY_BYTES, run `hookline topics apply`, and go on."
        ) from error
    if not acks:
        return
    await asyncio.wait(acks, timeout=ACK_TIMEOUT_S)
    missing = sum(not ack.done() or ack.exception() is not None for ack in acks)
    if missing:
        raise DependencyError(f"Kafka did not take {missing} records. Does it run?")
