"""From start to stop of a service: event loop, logs, signals and exit code."""

import asyncio
import functools
import gc
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import stamina
import structlog
from uvloop import new_event_loop

from runtime import crash_points, logs
from runtime.configuration import effective
from runtime.errors import DependencyError, HooklineError
from schemas.settings import ServiceSettings

EXIT_OK: Final = 0
EXIT_NO: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3

GC_THRESHOLD: Final = 50_000
"""New objects between two looks at the youngest generation; Python's own pace is 700."""

CLOSE_TIMEOUT_S: Final = 11.0
"""What closing may take after a drain, while neither Kafka nor PostgreSQL answers: 3 s for a
consumer, 3 s to flush a producer and 3 s to stop it, 1 s each for PostgreSQL and the health pages.
Whoever stops a service must wait for longer than both together (`stop_grace_period`)."""

RETRY_INITIAL_S: Final = 0.5
RETRY_MAX_S: Final = 2.0
"""Between two tries at the start: a service is there soon after what it needs."""

log = structlog.get_logger()

Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""A service: runs until the event is set, then drains and returns."""


def run(service: str, settings: ServiceSettings, main: Main, *, stop_timeout_s: float) -> int:
    """Runs a service until SIGTERM or SIGINT, or until it fails; gives the exit code.

    One whose dependency is not there is begun again, for `start_patience_s`: whatever starts
    all parts of Hookline at once need not know their order.

    A service that has not stopped `stop_timeout_s` after it was asked is ended as it is: what
    it promised is in Kafka, and what it has not committed comes again.
    """
    logs.configure(settings, service)
    # stamina would log each retry with its arguments, which here are people's messages.
    stamina.instrumentation.set_on_retry_hooks([])
    crash_points.arm(settings.crash_point)
    log.info("service_starting", settings=effective(settings))
    spare_the_collector()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        try:
            patient = functools.partial(_patiently, main, settings.start_patience_s)
            runner.run(_until_signal(patient, stop_timeout_s))
        except DependencyError as error:
            log.error("service_stopped", reason=error.reason, message=str(error))
            return EXIT_UNREACHABLE
        except HooklineError as error:
            log.error("service_stopped", reason=error.reason, message=str(error))
            return EXIT_NO
        except Exception as error:  # noqa: BLE001  # the last frame: log it without people's texts
            log.error("service_failed", error=type(error).__name__, at=logs.place_of(error))
            return EXIT_NO
    log.info("service_stopped", reason="asked")
    return EXIT_OK


def spare_the_collector() -> None:
    """What is loaded stays, and batches make garbage by the thousands that no cycle holds: looking
    for cycles at Python's own pace costs a sixth of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)


async def _until_signal(main: Main, stop_timeout_s: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        if not stop.is_set():
            loop.call_later(stop_timeout_s, _end)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    await main(stop)


async def _patiently(main: Main, patience_s: float, stop: asyncio.Event) -> None:
    """Runs main, again and again while a dependency is not there, for as long as patience lasts."""
    started_s = time.monotonic()

    def worth_waiting(error: Exception) -> bool:
        left_s = patience_s - (time.monotonic() - started_s)
        if not isinstance(error, DependencyError) or left_s <= 0 or stop.is_set():
            return False
        log.warning(
            "dependency_awaited", reason=error.reason, message=str(error), for_s=round(left_s)
        )
        return True

    async for attempt in stamina.retry_context(
        on=worth_waiting,
        attempts=None,
        timeout=None,
        wait_initial=RETRY_INITIAL_S,
        wait_max=RETRY_MAX_S,
        wait_jitter=RETRY_INITIAL_S,
    ):
        with attempt:
            if not stop.is_set():
                await main(stop)


def _end() -> None:
    log.error("stop_cut_short")
    os._exit(EXIT_NO)


async def unless_stopped(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Awaits work, but no longer than until `stop` is set."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
    finally:
        for pending in (task, stopped):
            pending.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)
