"""Several ingest processes on one port. Owns their start, their restart and their end."""

import asyncio
import multiprocessing
import os
import sys
import tempfile
from contextlib import ExitStack
from multiprocessing.process import BaseProcess
from typing import Final

import structlog

from ingest.service import serve
from runtime.errors import DependencyError
from runtime.exposition import forget_process
from runtime.lifecycle import CLOSE_TIMEOUT_S, EXIT_UNREACHABLE, Main, run, unless_stopped
from schemas.settings import IngestSettings

RESTART_DELAY_S: Final = 1.0
KILL_AFTER_S: Final = CLOSE_TIMEOUT_S - 0.5
"""After the drain's time: a child may close what it has open, and this process has to end, too."""

log = structlog.get_logger()


def run_ingest(settings: IngestSettings) -> int:
    """Runs ingest with as many processes as the settings say; gives the exit code."""
    if settings.ingest_processes == 1:
        return _run("ingest", settings, lambda stop: serve(settings, stop, shared_port=False))
    with ExitStack() as stack:
        # The metrics page of any process then tells the sums of all.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hookline-metrics-"))
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        return _run("ingest", settings, lambda stop: _supervise(settings, stop))


def _run(service: str, settings: IngestSettings, main: Main) -> int:
    stop_timeout_s = settings.drain_timeout_s + CLOSE_TIMEOUT_S
    return run(service, settings, main, stop_timeout_s=stop_timeout_s)


async def _supervise(settings: IngestSettings, stop: asyncio.Event) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(1, settings.ingest_processes + 1):
                group.create_task(_keep_running(number, settings, stop))
    except* DependencyError as errors:
        raise errors.exceptions[0] from None


async def _keep_running(number: int, settings: IngestSettings, stop: asyncio.Event) -> None:
    """Runs one process, and another when it dies, until asked to stop.

    Raises:
        DependencyError: the first one could not start.
    """
    context = multiprocessing.get_context("spawn")
    restarts = 0
    while not stop.is_set():
        process = context.Process(target=_child, args=(number, settings))
        process.start()
        ended = asyncio.create_task(_ended(process))
        try:
            await unless_stopped(stop, asyncio.shield(ended))
        finally:
            if process.is_alive():
                process.terminate()
            # A process still draining past its own deadline holds nothing that Meta was promised.
            await asyncio.wait({ended}, timeout=settings.drain_timeout_s + KILL_AFTER_S)
            process.kill()
            await ended
        if stop.is_set():
            return
        log.error("ingest_process_ended", process=number, exit_code=process.exitcode)
        if restarts == 0 and process.exitcode == EXIT_UNREACHABLE:
            raise DependencyError("An ingest process could not start; its own log says why.")
        restarts += 1
        await unless_stopped(stop, asyncio.sleep(RESTART_DELAY_S))


async def _ended(process: BaseProcess) -> None:
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    if process.pid is not None:
        forget_process(process.pid)


def _child(number: int, settings: IngestSettings) -> None:
    sys.exit(_run(f"ingest-{number}", settings, lambda stop: _serve_child(settings, stop)))


async def _serve_child(settings: IngestSettings, stop: asyncio.Event) -> None:
    """Serves, and stops with its parent, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        asyncio.get_running_loop().add_reader(parent.sentinel, stop.set)
    await serve(settings, stop, shared_port=True)
