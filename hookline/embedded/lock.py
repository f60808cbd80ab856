"""One `up` per data folder. The lock goes with its holder, however that ends."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final

from runtime.errors import HooklineError

LOCK_FILE: Final = "lock"

LEFTOVER_TIMEOUT_S: Final = 20.0
"""Longer than the reaper needs to end what a killed `up` left behind."""

POLL_S: Final = 0.1


class FolderHeldError(HooklineError):
    """Another process runs on this data folder."""

    reason = "folder_held"


@asynccontextmanager
async def folder_lock(folder: Path, announce: Callable[[str], None]) -> AsyncIterator[int]:
    """Holds a data folder for this process; gives the lock's file descriptor.

    The reaper shares it. So a folder whose `up` was killed stays held until the last of its
    children has ended, and who comes next waits for that.

    Raises:
        FolderHeldError: another process holds it; the message has its pid.
    """
    with _open(folder) as file:
        await _hold(file, folder, announce)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def holder(folder: Path) -> int | None:
    """The living process that holds the folder, if there is one.

    Raises:
        OSError: the folder is not ours to read.
    """
    try:
        with (folder / LOCK_FILE).open() as file:
            return None if _lock(file, fcntl.LOCK_SH) else _living(file)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _open(folder: Path) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / LOCK_FILE).open("a+")
    except OSError as error:
        raise FolderHeldError(
            f"{folder} cannot be a data folder: {error.strerror}. Choose another with --data."
        ) from error


async def _hold(file: IO[str], folder: Path, announce: Callable[[str], None]) -> None:
    deadline_s = time.monotonic() + LEFTOVER_TIMEOUT_S
    told = False
    while not _lock(file, fcntl.LOCK_EX):
        pid = _living(file)
        if pid is not None or time.monotonic() > deadline_s:
            raise FolderHeldError(
                f"{folder} is in use by process {pid or 'unknown'}. "
                "Stop that one, or choose another folder with --data."
            )
        if not told:
            announce("The last run was killed. Waiting until what is left of it has ended …")
            told = True
        await asyncio.sleep(POLL_S)


def _lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _living(file: IO[str]) -> int | None:
    """The process that the file names, unless it is dead."""
    file.seek(0)
    text = file.read().strip()
    if not text.isdecimal():
        return None
    try:
        os.kill(int(text), 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it lives, and is another user's
    return int(text)
