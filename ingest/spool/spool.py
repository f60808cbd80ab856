"""The spool of one process: what Kafka does not take waits here, and goes to Kafka later."""

import asyncio
import mmap
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from ingest.spool.segment import Damage, Entry, read
from ingest.spool.slot import Slot, left_behind, take
from ingest.spool.writer import Writer
from runtime import metrics
from runtime.crash_points import reached
from runtime.errors import KafkaUnavailableError
from runtime.logs import place_of
from runtime.publisher import OutRecord, Publisher
from schemas.crash_points import CrashPoint
from schemas.settings import IngestSettings

BATCH_BYTES: Final = 4 * 1024 * 1024
"""What is sent to Kafka at once, so that new deliveries get their turn."""

ADOPT_INTERVAL_S: Final = 30.0
RETRY_INTERVAL_S: Final = 5.0

log = structlog.get_logger()


class Spool:
    """Holds deliveries on the disk and sends them on, oldest first, when Kafka is there."""

    def __init__(self, root: Path, slot: Slot, max_bytes: int, publisher: Publisher) -> None:
        self._root = root
        self._slot = slot
        self._publisher = publisher
        self._writer = Writer(slot, max_bytes)
        self._some = asyncio.Event()
        self._some.set()
        self._spooling = False
        self._drained = 0

    @property
    def accepts(self) -> bool:
        """Whether it takes deliveries: there is room, and the last write did not fail."""
        return self._writer.accepts

    async def append(self, entry: Entry) -> None:
        """Returns when the delivery is on the disk.

        Raises:
            SpoolError: it is not, or may not be.
        """
        await self._writer.append(entry)
        if not self._spooling:
            self._spooling = True
            log.warning("spooling_began")
        self._tell_size()
        self._some.set()

    async def run(self) -> None:
        """Sends what is here to Kafka, for as long as the process runs."""
        while True:
            self._tell_size()
            try:
                await self._drain_all()
            except Exception as error:  # noqa: BLE001  # what it could not send stays on the disk
                log.error("spool_drain_failed", error=type(error).__name__, at=place_of(error))
                await asyncio.sleep(RETRY_INTERVAL_S)
                continue
            with suppress(TimeoutError):  # another process may have left something behind
                async with asyncio.timeout(ADOPT_INTERVAL_S):
                    await self._some.wait()

    async def _drain_all(self) -> None:
        await self._drain(self._slot)
        for slot in left_behind(self._root):
            try:
                await self._drain(slot)
            finally:
                slot.release()

    async def close(self) -> None:
        """Finishes what is being written. The rest stays on the disk, for the next start."""
        await self._writer.seal()
        self._slot.release()

    async def _drain(self, slot: Slot) -> None:
        while True:
            if slot is self._slot:
                self._some.clear()
            segments = slot.segments()
            if not segments:
                break
            await self._publisher.wait_usable()
            if segments[0] == self._writer.current:
                await self._writer.seal()
            await self._drain_segment(slot, segments[0])
        if slot is self._slot and self._spooling:
            self._spooling = False
            log.warning("spooling_ended", deliveries=self._drained)
            self._drained = 0

    async def _drain_segment(self, slot: Slot, path: Path) -> None:
        """Every delivery of the segment into Kafka; then the segment goes."""
        count, corrupt = 0, False
        for batch in batches(_found(path)):
            if isinstance(batch, Damage):
                corrupt = corrupt or not batch.torn
                level = log.warning if batch.torn else log.error
                level("spool_damaged", segment=path.name, torn=batch.torn, at_byte=batch.start)
                continue
            await self._publish(batch)
            count += len(batch)
        reached(CrashPoint.SPOOL_DRAINED)
        size_bytes = await asyncio.to_thread(slot.finish, path, keep=corrupt)
        if slot is self._slot:
            self._writer.removed(size_bytes)
        self._tell_size()
        self._drained += count
        log.debug("spool_drained", segment=path.name, deliveries=count)

    async def _publish(self, entries: Iterable[Entry]) -> None:
        """Returns when Kafka has them all."""
        waiting = [
            OutRecord(topic, entry.key, entry.body, entry.headers)
            for entry in entries
            for topic in entry.topics
        ]
        while waiting:
            await self._publisher.wait_usable()
            acks = [self._publisher.publish(record) for record in waiting]
            results = await asyncio.gather(*acks, return_exceptions=True)
            for failure in results:
                if failure is not None and not isinstance(failure, KafkaUnavailableError):
                    raise failure
            waiting = [one for one, failed in zip(waiting, results, strict=True) if failed]

    def _tell_size(self) -> None:
        metrics.SPOOL_BYTES.set(self._writer.stored_bytes)


def batches(found: Iterable[Entry | Damage]) -> Iterable[list[Entry] | Damage]:
    """Entries in their order, cut by bytes, with the damages where they stood."""
    batch: list[Entry] = []
    size_bytes = 0
    for one in found:
        if batch and (isinstance(one, Damage) or size_bytes + len(one.body) > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        if isinstance(one, Damage):
            yield one
        else:
            batch.append(one)
            size_bytes += len(one.body)
    if batch:
        yield batch


def _found(path: Path) -> Iterable[Entry | Damage]:
    if path.stat().st_size == 0:  # nothing was written before the end came
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield from read(data)


@asynccontextmanager
async def open_spool(settings: IngestSettings, publisher: Publisher) -> AsyncIterator[Spool | None]:
    """The spool that the settings ask for, at work while the context is open; None without one.

    Raises:
        DependencyError: its folder cannot be used.
    """
    root = settings.ingest_spool_dir
    if root is None:
        yield None
        return
    spool = Spool(root, take(root), settings.ingest_spool_max_bytes, publisher)
    work = asyncio.create_task(spool.run())
    try:
        yield spool
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await spool.close()
