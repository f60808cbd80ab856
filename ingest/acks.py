"""The acks of one delivery, from every topic that it belongs to."""

import asyncio
from collections.abc import Callable

from runtime.errors import KafkaUnavailableError


class Acks:
    """Awaited together. Whoever stops waiting leaves them be: `settled` is still called."""

    __slots__ = ("_failure", "_left", "_settled", "all")

    def __init__(self, count: int, settled: Callable[[], None]) -> None:
        """`settled` is called once all of so many are there, however they ended."""
        self._left = count
        self._settled = settled
        self._failure: KafkaUnavailableError | None = None
        self.all: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when Kafka has the delivery everywhere. Fails with TimeoutError when the wait
        expired, with KafkaUnavailableError when one topic does not have it.
        """

    def one(self, failure: KafkaUnavailableError | None) -> None:
        """One topic has the delivery, or failed to take it."""
        self._failure = failure or self._failure
        self._left -= 1
        if self._left:
            return
        self._settled()
        if self.all.done():
            return
        if self._failure is None:
            self.all.set_result(None)
        else:
            self.all.set_exception(self._failure)

    def expire(self) -> None:
        """Ends the wait."""
        if not self.all.done():
            self.all.set_exception(TimeoutError())
