"""Trying again while a dependency is away, and telling so."""

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Final, TypeVar

import stamina
import structlog

from runtime.errors import RetryError
from runtime.health import Readiness

BACKOFF_INITIAL_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0

Result = TypeVar("Result")

log = structlog.get_logger()


class Retry:
    """Repeats what fails for a dependency, for ever. Meanwhile the service is not ready."""

    def __init__(
        self, readiness: Readiness, reason: str, max_wait_s: float = BACKOFF_MAX_S
    ) -> None:
        """`reason` is what the service tells as being in its way."""
        self._readiness = readiness
        self._reason = reason
        self._max_wait_s = max_wait_s
        self.waiting = False

    async def until_done(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """What the work gives, once it no longer raises RetryError."""
        async for attempt in self._attempts():
            with attempt:
                result = await self._once(work())
        return result

    async def _once(self, work: Awaitable[Result]) -> Result:
        try:
            result = await work
        except RetryError as error:
            self.begin_waiting(error)
            raise
        if self.waiting:
            self.waiting = False
            self._readiness.ready(self._reason)
            log.info("dependency_back", waited_for=self._reason)
        return result

    def begin_waiting(self, error: RetryError) -> None:
        """The dependency does not answer: not ready until the work is done."""
        if not self.waiting:
            log.warning(
                "dependency_away",
                waited_for=self._reason,
                reason=error.reason,
                detail=str(error),
            )
        self.waiting = True
        self._readiness.not_ready(self._reason)

    def _attempts(self) -> AsyncIterable[stamina.Attempt]:
        return stamina.retry_context(
            on=RetryError,
            attempts=None,
            timeout=None,
            wait_initial=BACKOFF_INITIAL_S,
            wait_max=self._max_wait_s,
        )
