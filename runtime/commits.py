"""Offsets on their way to Kafka, beside the work.

A commit takes Kafka as long as a small batch takes its worker, so the next batch does not wait
for it, and not every batch has one of its own. One request is on its way at a time, with the
newest offset of each partition.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from runtime.errors import KafkaUnavailableError
from runtime.retry import Retry

COMMIT_TIMEOUT_S: Final = 10.0

COMMIT_INTERVAL_S: Final = 0.1
"""From one commit to the next, unless somebody waits. After a crash so much more is repeated; a
commit for each small batch would cost workers and Kafka more than the batches do."""

Offsets = Mapping[TopicPartition, int]

log = structlog.get_logger()


class Commits:
    """Commits what is done, for as long as the group leaves us the partitions.

    The time between an assignment of partitions and the next rebalance is a tenure, and has a
    number. What was read in one tenure is not worked on in another: the group has given it to
    somebody, perhaps to us, from the last committed offsets on.
    """

    def __init__(
        self, consumer: AIOKafkaConsumer, retry: Retry, committed: Callable[[Offsets], None]
    ) -> None:
        """`committed` is told what Kafka has taken."""
        self._consumer = consumer
        self._retry = retry
        self._committed = committed
        self._waiting: dict[TopicPartition, int] = {}
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._hurry = asyncio.Event()
        self._held = False
        self.tenure = 0

    @property
    def failing(self) -> bool:
        """Whether the commit on its way has failed and is being repeated."""
        return self._retry.waiting

    def begin_tenure(self) -> None:
        """Partitions were assigned. What is not committed by now comes again."""
        self.tenure += 1
        self._held = True
        self._forget()

    def end_tenure(self) -> None:
        """The group is about to rebalance, or has: nothing more is begun in this tenure."""
        self._held = False

    def holds(self, tenure: int) -> bool:
        """Whether what was read in this tenure is still ours to work on."""
        return self._held and tenure == self.tenure

    def add(self, tenure: int, offsets: Offsets) -> None:
        """All that lies before these offsets, read in this tenure, is done for good."""
        if tenure != self.tenure:
            log.info("commit_refused", error="LateForRebalance")
            return
        self._waiting.update(offsets)
        self._none.clear()
        self._some.set()

    async def settled(self) -> None:
        """Returns when nothing waits to be committed any more, which then does not take long."""
        self._hurry.set()
        try:
            await self._none.wait()
        finally:
            self._hurry.clear()

    async def run(self) -> None:
        """Commits what is added, until it is cancelled."""
        while True:
            await self._some.wait()
            await self._retry.until_done(self._commit)
            with suppress(TimeoutError):
                async with asyncio.timeout(COMMIT_INTERVAL_S):
                    await self._hurry.wait()

    async def _commit(self) -> None:
        """One request with all that waits now.

        Raises:
            KafkaUnavailableError: Kafka did not take it, and may later.
        """
        offsets, tenure = dict(self._waiting), self.tenure
        if not offsets:
            return
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            # A rebalance came first, which is nothing unusual: whoever has the partitions now
            # repeats these records.
            log.info("commit_refused", error=type(error).__name__)
            if tenure == self.tenure:
                self.end_tenure()
                self._forget()
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailableError(type(error).__name__) from error
        else:
            if tenure == self.tenure:
                self._take(offsets)

    def _take(self, offsets: Offsets) -> None:
        for partition, offset in offsets.items():
            if self._waiting.get(partition) == offset:
                del self._waiting[partition]
        self._committed(offsets)
        if not self._waiting:
            self._forget()

    def _forget(self) -> None:
        self._waiting.clear()
        self._some.clear()
        self._none.set()
