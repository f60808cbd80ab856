"""The spool of one process: what Kafka does not take waits here, and goes to Kafka later."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from ingest import metrics
from ingest.spool.segment import Damage, Entry, Found, read
from ingest.spool.sending import send
from ingest.spool.slot import Aside, Slot, hold, left_behind, take
from ingest.spool.writer import Writer
from runtime.batches import batches
from runtime.crash_points import reached
from runtime.logs import place_of
from runtime.publisher import Publisher
from schemas.crash_points import CrashPoint
from schemas.settings import IngestSettings

BATCH_BYTES: Final = 4 * 1024 * 1024
BATCH_ENTRIES: Final = 5000
"""What is sent to Kafka at once, so that new deliveries get their turn."""

ADOPT_INTERVAL_S: Final = 30.0
FAILED_INTERVAL_S: Final = 5.0
PROBE_INTERVAL_S: Final = 1.0

log = structlog.get_logger()


@dataclass
class _Progress:
    """How far a segment is sent. Should the rest fail, that is not done again."""

    segment: Path | None = None
    sent: int = 0
    refused: int = 0


class Spool:
    """Holds deliveries on the disk and sends them on, oldest first, when Kafka is there."""

    def __init__(self, root: Path, slot: Slot, max_bytes: int, publisher: Publisher) -> None:
        self._root = root
        self._slot = slot
        self._publisher = publisher
        self._writer = Writer(slot, max_bytes)
        self._some = asyncio.Event()
        self._some.set()
        self._spooling = bool(slot.segments())
        self._progress = _Progress()
        self._drained = 0
        self._adopted_bytes = 0

    @property
    def accepts(self) -> bool:
        """Whether it takes deliveries: there is room, and the disk works."""
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
        """Sends what is here to Kafka, and looks after a disk that fails. Never returns."""
        if self._spooling:
            log.warning("spool_found", stored_bytes=self._writer.stored_bytes)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_on())
            group.create_task(self._probe())

    async def close(self) -> None:
        """Finishes what is being written. The rest stays on the disk, for the next start."""
        if await self._writer.close():
            self._slot.release()
        else:  # it is this process' until it has ended
            log.error("spool_not_closed")

    async def _send_on(self) -> None:
        while True:
            try:
                whole = await self._drain_all()
            except OSError as error:
                log.error("spool_unreadable", error=error.strerror, at=place_of(error))
                whole = False
            if not whole:
                await asyncio.sleep(FAILED_INTERVAL_S)
                continue
            with suppress(TimeoutError):  # another process may have left something behind
                async with asyncio.timeout(ADOPT_INTERVAL_S):
                    await self._some.wait()

    async def _probe(self) -> None:
        """A process that is not ready gets no deliveries to find out with that its disk is well."""
        while True:
            await asyncio.sleep(PROBE_INTERVAL_S)
            if self._writer.failing:
                await self._writer.probe()

    async def _drain_all(self) -> bool:
        """Sends all that is here and left behind elsewhere. False when some of it failed."""
        whole = await self._drained_without_fault(self._slot)
        for path in await asyncio.to_thread(left_behind, self._root):
            slot = await asyncio.to_thread(hold, path)
            if slot is None:
                continue
            try:
                log.warning("spool_adopted", folder=path.name)
                whole = await self._drained_without_fault(slot) and whole
            finally:
                slot.release()
                self._adopted_bytes = 0
                self._tell_size()
        return whole

    async def _drained_without_fault(self, slot: Slot) -> bool:
        try:
            await self._drain(slot)
        except Exception as error:  # noqa: BLE001  # what it could not send stays on the disk
            log.error("spool_drain_failed", error=type(error).__name__, at=place_of(error))
            return False
        return True

    async def _drain(self, slot: Slot) -> None:
        while True:
            if slot is self._slot:
                self._some.clear()
            await self._count(slot)
            segments = await asyncio.to_thread(slot.segments)
            if not segments:
                break
            await self._publisher.wait_usable()
            await self._writer.seal(segments[0])
            await self._drain_segment(slot, segments[0])
        if slot is self._slot and self._spooling:
            self._spooling = False
            log.warning("spooling_ended", deliveries=self._drained)
            self._drained = 0

    async def _drain_segment(self, slot: Slot, path: Path) -> None:
        """Every delivery of the segment into Kafka; then the segment goes, or aside."""
        found = await asyncio.to_thread(_found_in, path)
        entries = [one for one in found if isinstance(one, Entry)]
        damages = [one for one in found if isinstance(one, Damage)]
        refused = await self._send(path, entries)
        reached(CrashPoint.SPOOL_DRAINED)
        aside = _aside(refused, damages)
        await asyncio.to_thread(slot.finish, path, aside)
        for damage in damages:
            level = log.warning if damage.torn else log.error
            level("spool_damaged", segment=path.name, torn=damage.torn, at_byte=damage.start)
        if refused:
            repair = "run `hookline topics apply`, or raise INGEST_MAX_BODY_BYTES; then restart"
            log.error("spool_refused", segment=path.name, deliveries=refused, repair=repair)
        if aside is not None:
            metrics.SPOOL_KEPT_ASIDE.labels(aside.name.lower()).inc()
        log.debug("spool_drained", segment=path.name, deliveries=len(entries) - refused)

    async def _send(self, path: Path, entries: list[Entry]) -> int:
        """Returns when Kafka has all that it takes; gives how many it refuses."""
        if self._progress.segment != path:
            self._progress = _Progress(path)
        progress = self._progress
        rest = entries[progress.sent :]
        for batch in batches(rest, BATCH_ENTRIES, BATCH_BYTES, lambda entry: len(entry.body)):
            refused = await send(self._publisher, batch)
            progress.sent += len(batch)
            progress.refused += len(refused)
            self._drained += len(batch) - len(refused)
        return progress.refused

    async def _count(self, slot: Slot) -> None:
        if slot is self._slot:
            await self._writer.recount()
        else:
            self._adopted_bytes = await asyncio.to_thread(slot.size_bytes)
        self._tell_size()

    def _tell_size(self) -> None:
        metrics.SPOOL_BYTES.set(self._writer.stored_bytes + self._adopted_bytes)


def _found_in(path: Path) -> list[Found]:
    """What a segment holds. One that the disk does not give back any more is one damage."""
    try:
        data = path.read_bytes()
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return [Damage(0, path.stat().st_size, torn=False)]
    return list(read(data))


def _aside(refused: int, damages: list[Damage]) -> Aside | None:
    if refused:
        return Aside.REFUSED  # damaged as well or not: the next start tells
    if all(damage.torn for damage in damages):
        return None
    return Aside.CORRUPT


@asynccontextmanager
async def open_spool(settings: IngestSettings, publisher: Publisher) -> AsyncIterator[Spool | None]:
    """The spool that the settings ask for, to be run and to be closed; None without one.

    Raises:
        DependencyError: its folder cannot be used.
    """
    root = settings.ingest_spool_dir
    if root is None:
        yield None
        return
    spool = Spool(root, take(root), settings.ingest_spool_max_bytes, publisher)
    try:
        yield spool
    finally:
        await spool.close()
