"""The acks of one delivery, from every topic that it belongs to."""

import asyncio
from collections.abc import Callable, Sequence


class Acks:
    """Awaited together. Whoever stops waiting leaves them be: `settled` is still called."""

    def __init__(self, acks: Sequence[asyncio.Future[None]], settled: Callable[[], None]) -> None:
        """`settled` is called once all are done, however they ended."""
        self._left = len(acks)
        self._settled = settled
        self._failure: BaseException | None = None
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for ack in acks:
            ack.add_done_callback(self._one_done)

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

    def _one_done(self, ack: asyncio.Future[None]) -> None:
        self._failure = ack.exception() or self._failure
        self._left -= 1
        if not self._left:
            self._settled()
            if not self._all.done():
                self._all.set_result(None)
