"""The acks of one delivery, from every topic that it belongs to."""

import asyncio
from collections.abc import Callable

from runtime.errors import KafkaUnavailableError


class Acks:
    """Awaited together. Whoever stops waiting leaves them be: `settled` is still called."""

    __slots__ = ("_all", "_failure", "_left", "_settled")

    def __init__(self, count: int, settled: Callable[[], None]) -> None:
        """`settled` is called once all of so many are there, however they ended."""
        self._left = count
        self._settled = settled
        self._failure: KafkaUnavailableError | None = None
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def one(self, failure: KafkaUnavailableError | None) -> None:
        """One topic has the delivery, or failed to take it."""
        self._failure = failure or self._failure
        self._left -= 1
        if not self._left:
            self._settled()
            if not self._all.done():
                self._all.set_result(None)

    async def wait(self) -> None:
        """Returns when Kafka has the delivery everywhere.

        Raises:
            TimeoutError: the wait expired.
            KafkaUnavailableError: what kept it from one topic.
        """
        await self._all
        if self._failure is not None:
            raise self._failure

    def expire(self) -> None:
        """Ends the wait."""
        if not self._all.done():
            self._all.set_exception(TimeoutError())
