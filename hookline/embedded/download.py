"""Fills the cache of jars without holding up the rest: a stop does not wait for a download."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from hookline.embedded.jars import Progress, classpath

ABANDON_S: Final = 1.0
"""A download that moves sees within milliseconds that nobody wants it; one that hangs does not."""


class _AbandonedError(BaseException):
    """Nobody waits for this download any more. Not an error of it: handlers of those let it by."""


async def downloaded(announce: Callable[[str], None], progress: Progress | None) -> list[Path]:
    """Kafka's jars, as `classpath` gives them.

    Raises:
        DependencyError: they cannot be had.
    """
    abandoned = threading.Event()

    def advance(size_bytes: int) -> None:
        if abandoned.is_set():
            raise _AbandonedError
        if progress is not None:
            progress(size_bytes)

    future: Future[list[Path]] = Future()
    # A thread that the interpreter does not wait for at its end, unlike those of an executor.
    thread = threading.Thread(target=_fetch, args=(future, announce, advance), daemon=True)
    thread.start()
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        abandoned.set()
        await asyncio.to_thread(thread.join, ABANDON_S)
        raise


def _fetch(future: Future[list[Path]], announce: Callable[[str], None], advance: Progress) -> None:
    future.set_running_or_notify_cancel()
    try:
        future.set_result(classpath(announce, advance))
    except BaseException as error:  # noqa: BLE001  # carried to whoever awaits the result
        future.set_exception(error)
