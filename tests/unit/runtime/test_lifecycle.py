"""A service that begins while its dependency is not there yet, and one that ends in time."""

import asyncio
import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from runtime import database, health, kafka, publisher
from runtime.errors import DependencyError, StopError
from runtime.lifecycle import CLOSE_TIMEOUT_S, _patiently
from schemas.settings import IngestSettings, ServiceSettings, WorkerSettings


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


def test_all_that_closing_waits_for_fits_into_its_time() -> None:
    """A consumer, a producer, PostgreSQL and the health pages, one after another."""
    client_s = kafka.STOP_TIMEOUT_S + kafka.CANCEL_TIMEOUT_S
    waits_s = [client_s, publisher.FLUSH_TIMEOUT_S, client_s, database.DISPOSE_TIMEOUT_S]
    assert sum(waits_s) + health.SHUTDOWN_TIMEOUT_S <= CLOSE_TIMEOUT_S


@pytest.mark.parametrize("settings", [WorkerSettings, IngestSettings])
def test_containers_are_not_killed_before_their_time(settings: type[ServiceSettings]) -> None:
    """Drain and closing end within the grace period of each service of ours."""
    drain_s = settings.model_fields["drain_timeout_s"].default
    text = (Path(__file__).parents[3] / "docker-compose.yml").read_text()
    graces_s = [int(told) for told in re.findall(r"stop_grace_period: (\d+)s", text)]
    assert graces_s
    assert min(graces_s) > drain_s + CLOSE_TIMEOUT_S
