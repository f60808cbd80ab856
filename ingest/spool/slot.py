"""The folder of one process in the spool's folder. Owns who may write and drain there.

Processes take the lowest folder that nobody holds, so each has one of its own and a restarted one
finds its own again. What lies in folders that nobody holds is adopted by whoever looks there.
Everything in here blocks.
"""

import fcntl
import os
import time
from contextlib import suppress
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Final

from runtime.errors import DependencyError

SUFFIX: Final = ".segment"

PROBE_BYTES: Final = 1024 * 1024


class Aside(StrEnum):
    """Why a segment is kept although it waits no more: the suffix of its file."""

    CORRUPT = ".corrupt"
    """Parts of it cannot be read. For whoever looks after the disk."""

    REFUSED = ".refused"
    """Kafka does not take parts of it, for good. The next start tries it again."""


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
        """What all deliveries here take, those that were put aside too."""
        size_bytes = 0
        for path in self.path.iterdir():
            if path.suffix in (SUFFIX, *Aside):
                with suppress(FileNotFoundError):  # gone at this very moment
                    size_bytes += path.stat().st_size
        return size_bytes

    def finish(self, segment: Path, aside: Aside | None = None) -> None:
        """Takes a segment out of the line, for good or aside.

        After a power loss it may be in the line again: what it holds is then sent twice.
        """
        if aside is None:
            segment.unlink()
        else:
            segment.rename(segment.with_suffix(aside))

    def take_back(self) -> None:
        """What Kafka refused is in the line again."""
        for path in self.path.glob(f"*{Aside.REFUSED}"):
            path.rename(path.with_suffix(SUFFIX))

    def probe(self) -> None:
        """Returns when a MiB could be written, which is gone again. Raises OSError."""
        path = self.path / "probe"
        try:
            with path.open("wb") as file:
                file.write(bytes(PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        finally:
            path.unlink(missing_ok=True)

    def release(self) -> None:
        """Another process may take it now."""
        os.close(self._lock)


def take(root: Path) -> Slot:
    """A folder of this process' own.

    Raises:
        DependencyError: the folder cannot be used.
    """
    try:
        for number in count(1):
            slot = hold(root / str(number))
            if slot is not None:
                slot.take_back()
                return slot
    except OSError as error:
        raise DependencyError(
            f"The spool folder {root} cannot be used ({error.strerror}). It must be a folder that "
            "this user may write to."
        ) from error
    raise AssertionError("numbers do not end")


def left_behind(root: Path) -> list[Path]:
    """Folders with segments; who holds each, only `hold` tells."""
    return [
        path
        for path in sorted(root.iterdir())
        if path.name.isdecimal() and any(path.glob(f"*{SUFFIX}"))
    ]


def hold(path: Path) -> Slot | None:
    """The folder, made where it is not there; None while another process, or slot, holds it."""
    _make_folder(path)
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return Slot(path, lock)


def sync_folder(path: Path) -> None:
    """What was made in the folder is there after a power loss."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _make_folder(path: Path) -> None:
    """For this user alone, and there after a power loss."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)
