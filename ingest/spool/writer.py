"""Deliveries onto the disk: written together, flushed once for all that wait."""

import asyncio
import os
from collections import deque
from pathlib import Path
from typing import Final

import structlog

from ingest.spool.segment import Entry, encode
from ingest.spool.slot import Slot, sync_folder

SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""A segment that has grown to this is closed, and the next one begun."""

log = structlog.get_logger()


class SpoolError(Exception):
    """A delivery is not on the disk: no room (`spool_full`), or it failed (`spool_failed`)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Writer:
    """Appends to the segments of a slot, up to a limit of bytes."""

    def __init__(self, slot: Slot, max_bytes: int) -> None:
        self._slot = slot
        self._max_bytes = max_bytes
        self._queue: deque[tuple[bytes, asyncio.Future[None]]] = deque()
        self._queued_bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._file: int | None = None
        self._file_bytes = 0
        self.current: Path | None = None
        self.stored_bytes = slot.size_bytes()
        self.failing = False

    @property
    def accepts(self) -> bool:
        """Whether the next delivery has a chance."""
        return not self.failing and self.stored_bytes < self._max_bytes

    async def append(self, entry: Entry) -> None:
        """Returns when the delivery is on the disk.

        Raises:
            SpoolError: it is not, or may not be.
        """
        data = encode(entry)
        if self.stored_bytes + self._queued_bytes + len(data) > self._max_bytes:
            raise SpoolError("spool_full")
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((data, stored))
        self._queued_bytes += len(data)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await stored

    async def seal(self) -> None:
        """Closes the current segment, once what waits is written."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        self._close()

    def removed(self, size_bytes: int) -> None:
        """So many bytes of segments are gone."""
        self.stored_bytes -= size_bytes

    async def _write_all(self) -> None:
        try:
            while self._queue:
                taken, self._queue = self._queue, deque()
                await self._write(taken)
        finally:
            self._writing = None

    async def _write(self, taken: deque[tuple[bytes, asyncio.Future[None]]]) -> None:
        size_bytes = sum(len(data) for data, _ in taken)
        failure: SpoolError | None = None
        try:
            await asyncio.to_thread(self._store, [data for data, _ in taken])
            self.stored_bytes += size_bytes
            self.failing = False
        except OSError as error:
            # What of it is written is whole or torn, and read so. The next one begins a new file.
            if not self.failing:
                log.error("spool_write_failed", error=error.strerror)
            self._close()
            self.stored_bytes = self._slot.size_bytes()
            self.failing = True
            failure = SpoolError("spool_failed")
        self._queued_bytes -= size_bytes
        for _, stored in taken:
            if stored.done():  # its sender hung up
                continue
            if failure is None:
                stored.set_result(None)
            else:
                stored.set_exception(failure)

    def _store(self, chunks: list[bytes]) -> None:
        if self._file is None:
            self.current = self._slot.new_segment()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(self.current, flags, 0o600)
            self._file_bytes = 0
            sync_folder(self._slot.path)
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            self._file_bytes += len(chunk)
        os.fdatasync(self._file)
        if self._file_bytes >= SEGMENT_BYTES:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = self.current = None
