"""Deliveries onto the disk: written together, flushed once for all that wait."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from ingest.spool.segment import Entry, encode
from ingest.spool.slot import Slot
from ingest.spool.tail import Tail
from runtime.batches import batches
from runtime.logs import place_of

SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""What a segment holds, but for a larger delivery alone."""

WRITE_TIMEOUT_S: Final = 2.0
"""A disk that takes longer over a write counts as failing: Meta waits for 5 s, all in all."""

CLOSE_TIMEOUT_S: Final = 0.5

log = structlog.get_logger()


class SpoolError(Exception):
    """A delivery is not on the disk: no room (`spool_full`), or it failed (`spool_failed`)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Waiting(NamedTuple):
    data: bytes
    stored: asyncio.Future[None]

    def size_bytes(self) -> int:
        return len(self.data)


class Writer:
    """Appends to the segments of a slot, up to a limit of bytes."""

    def __init__(self, slot: Slot, max_bytes: int) -> None:
        self._slot = slot
        self._max_bytes = max_bytes
        self._queue: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._taken: list[_Waiting] = []
        self._waiting_bytes = 0
        # Whoever holds it, a thread or not, has the tail to himself.
        self._turn = asyncio.Lock()
        self._tail: Tail | None = None
        self._full = False
        self.stored_bytes = slot.size_bytes()
        self.failing = False

    @property
    def accepts(self) -> bool:
        """Whether the next delivery has a chance: the last one found room and a disk that works."""
        return not self.failing and not self._full

    async def append(self, entry: Entry) -> None:
        """Returns when the delivery is on the disk.

        Raises:
            SpoolError: it is not, or may not be. Within two writes' time.
        """
        if self.failing:
            raise SpoolError("spool_failed")
        data = encode(entry)
        self._full = self.stored_bytes + self._waiting_bytes + len(data) > self._max_bytes
        if self._full:
            raise SpoolError("spool_full")
        waiting = _Waiting(data, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._waiting_bytes += len(data)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await waiting.stored

    async def seal(self, segment: Path) -> None:
        """Returns when nothing more will be written to the segment."""
        async with self._turn:
            if self._tail is not None and self._tail.path == segment:
                self._end_tail()

    async def probe(self) -> None:
        """Looks whether a disk that failed works again."""
        async with self._turn:
            try:
                await asyncio.to_thread(self._slot.probe)
            except OSError:
                return
        self._works()

    async def recount(self) -> None:
        """Looks how much there is on the disk: segments may be gone.

        A write of this very moment may be missing, until the next look: nobody waits for this one.
        """
        self.stored_bytes = await asyncio.to_thread(self._slot.size_bytes)
        self._full = self._full and self.stored_bytes >= self._max_bytes

    async def close(self) -> bool:
        """Writes what waits, and closes. False when the disk does not let it, within 0.5 s."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if self._writing is not None:
                    await asyncio.wait({self._writing})
                async with self._turn:
                    self._end_tail()
        except TimeoutError:
            return False
        return True

    async def _write_all(self) -> None:
        """Until nothing waits. However it ends, nobody waits for ever."""
        try:
            while self._queue:
                await self._write_queue()
        finally:
            self._refuse_all()
            self._queue, self._waiting_bytes = [], 0

    async def _write_queue(self) -> None:
        drawn, self._queue = self._queue, []
        self._taken = [one for one in drawn if not one.stored.done()]  # else its sender hung up
        if self._taken:
            async with self._turn:
                await self._write_taken()
        self._waiting_bytes -= _size_bytes(drawn)

    async def _write_taken(self) -> None:
        try:
            for group in batches(self._taken, len(self._taken), SEGMENT_BYTES, _Waiting.size_bytes):
                await self._write(group)
        except Exception as error:  # noqa: BLE001  # whatever it is, they may not be on the disk
            told = error.strerror if isinstance(error, OSError) else type(error).__name__
            self._fails(told, at=place_of(error))
            _settle(self._taken, stored=False)
            await self._give_up_tail()
        else:
            self._works()
            _settle(self._taken, stored=True)

    async def _write(self, group: list[_Waiting]) -> None:
        """Onto the disk, in one segment. Who waits is told once that takes too long."""
        writing = asyncio.create_task(asyncio.to_thread(self._store, [one.data for one in group]))
        done, _ = await asyncio.wait({writing}, timeout=WRITE_TIMEOUT_S)
        if not done:
            self._fails(f"no answer within {WRITE_TIMEOUT_S:g} s")
            self._refuse_all()
        await writing
        self.stored_bytes += _size_bytes(group)

    def _store(self, chunks: list[bytes]) -> None:
        size_bytes = sum(map(len, chunks))
        if self._tail is not None and self._tail.size_bytes + size_bytes > SEGMENT_BYTES:
            self._end_tail()
        if self._tail is None:
            self._tail = Tail(self._slot)
        self._tail.write(chunks)

    async def _give_up_tail(self) -> None:
        if self._tail is not None:
            await asyncio.to_thread(self._tail.cut_back)
            self._end_tail()
        with suppress(OSError):
            self.stored_bytes = await asyncio.to_thread(self._slot.size_bytes)

    def _end_tail(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    def _fails(self, error: str | None, at: list[str] | None = None) -> None:
        if not self.failing:
            self.failing = True
            log.error("spool_write_failed", error=error, at=at)

    def _works(self) -> None:
        if self.failing:
            self.failing = False
            log.warning("spool_writes_again")

    def _refuse_all(self) -> None:
        _settle([*self._taken, *self._queue], stored=False)


def _size_bytes(waiting: Iterable[_Waiting]) -> int:
    return sum(one.size_bytes() for one in waiting)


def _settle(waiting: Iterable[_Waiting], *, stored: bool) -> None:
    """Tells those who still wait."""
    for one in waiting:
        if one.stored.done():
            continue
        if stored:
            one.stored.set_result(None)
        else:
            one.stored.set_exception(SpoolError("spool_failed"))
