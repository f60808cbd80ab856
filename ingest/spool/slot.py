"""The folder of one process in the spool's folder. Owns who may write and drain there.

Processes take the lowest folder that nobody holds, so each has one of its own and a restarted one
finds its own again. What lies in folders that nobody holds is adopted by whoever looks there.
"""

import fcntl
import os
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from runtime.errors import DependencyError

SUFFIX: Final = ".segment"
KEPT: Final = ".corrupt"


class Slot:
    """A folder that this process holds, until it is released or the process ends."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def segments(self) -> list[Path]:
        """The segment files, oldest first."""
        return sorted(path for path in self.path.glob(f"*{SUFFIX}") if path.stem.isdecimal())

    def new_segment(self) -> Path:
        """A path for a new segment, later in order than all others here."""
        present = self.segments()
        last = int(present[-1].stem) if present else 0
        return self.path / f"{max(time.time_ns(), last + 1):020d}{SUFFIX}"

    def size_bytes(self) -> int:
        """What the segments take."""
        size_bytes = 0
        for path in self.segments():
            with suppress(FileNotFoundError):  # drained at this very moment
                size_bytes += path.stat().st_size
        return size_bytes

    def finish(self, segment: Path, *, keep: bool) -> int:
        """Takes a segment out of the line, for good or aside; gives the bytes it had."""
        size_bytes = segment.stat().st_size
        if keep:
            segment.rename(segment.with_suffix(KEPT))
        else:
            segment.unlink()
        sync_folder(self.path)
        return size_bytes

    def release(self) -> None:
        """Another process may take it now."""
        os.close(self._lock)


def take(root: Path) -> Slot:
    """A folder of this process' own.

    Raises:
        DependencyError: the folder cannot be used.
    """
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in count(1):
            slot = _held(root / str(number))
            if slot is not None:
                return slot
    except OSError as error:
        raise DependencyError(
            f"The spool folder {root} cannot be used ({error.strerror}). It must be a folder that "
            "this user may write to."
        ) from error
    raise AssertionError("numbers do not end")


def left_behind(root: Path) -> list[Slot]:
    """Folders with segments that nobody holds. They are held now."""
    slots: list[Slot] = []
    for path in sorted(root.iterdir()):
        if path.name.isdecimal() and any(path.glob(f"*{SUFFIX}")):
            slot = _held(path)
            if slot is not None:
                slots.append(slot)
    return slots


def _held(path: Path) -> Slot | None:
    path.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Slot(path, lock)


def sync_folder(path: Path) -> None:
    """What was made, renamed or removed in the folder is so after a power loss."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
