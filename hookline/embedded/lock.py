"""One `up` per data folder. The lock goes with its holder, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import HooklineError


class FolderHeldError(HooklineError):
    """Another process runs on this data folder."""

    reason = "folder_held"


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Holds a data folder for this process while the context is open.

    Raises:
        FolderHeldError: another process holds it; the message has its pid.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise FolderHeldError(
                f"{folder} is in use by process {pid}. Stop that one, or choose another --data."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
