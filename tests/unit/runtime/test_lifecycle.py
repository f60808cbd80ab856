"""A service whose dependency is not there yet is begun again, for as long as patience lasts."""

import asyncio

import pytest
from structlog.testing import capture_logs

from runtime.errors import DependencyError, StopError
from runtime.lifecycle import _patiently


class Starting:
    """A service whose dependency comes up after some tries."""

    def __init__(self, failures: int, error: type[Exception] = DependencyError) -> None:
        self.tries = 0
        self._failures = failures
        self._error = error

    async def main(self, _: asyncio.Event) -> None:
        """Fails, until it does not."""
        self.tries += 1
        if self.tries <= self._failures:
            raise self._error("Does it run?")


async def test_a_dependency_that_comes_up_is_awaited() -> None:
    """Each try that fails is logged with its reason and what patience is left."""
    starting = Starting(failures=2)
    with capture_logs() as logs:
        await _patiently(starting.main, 30, asyncio.Event())
    assert starting.tries == 3
    told = [entry["message"] for entry in logs if entry["event"] == "dependency_awaited"]
    assert told == ["Does it run?"] * 2


async def test_patience_ends() -> None:
    """With the error of the last try."""
    starting = Starting(failures=1000)
    with pytest.raises(DependencyError):
        await _patiently(starting.main, 1, asyncio.Event())
    assert 1 < starting.tries < 1000


@pytest.mark.parametrize("error", [StopError, LookupError])
async def test_other_errors_are_not_awaited(error: type[Exception]) -> None:
    """They would only come again."""
    starting = Starting(1, error)
    with pytest.raises(error):
        await _patiently(starting.main, 30, asyncio.Event())
    assert starting.tries == 1


async def test_without_patience_there_is_one_try() -> None:
    """For who wants to know at once."""
    starting = Starting(1)
    with pytest.raises(DependencyError):
        await _patiently(starting.main, 0, asyncio.Event())
    assert starting.tries == 1


async def test_whoever_is_told_to_stop_does_not_try_again() -> None:
    """Nor is that a failure."""
    starting, stop = Starting(1000), asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, stop.set)
    await _patiently(starting.main, 600, stop)
    assert starting.tries == 1
