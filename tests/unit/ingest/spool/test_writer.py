"""Nothing counts as written before it is on the disk."""

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from ingest.spool import writer as writing
from ingest.spool.segment import Entry, Found, encode, read
from ingest.spool.slot import Slot, take
from ingest.spool.tail import Tail
from ingest.spool.writer import SpoolError, Writer


def entry(number: int, size: int = 10) -> Entry:
    """A delivery."""
    return Entry(("topic",), b"%d" % number, [], b"x" * size)


@pytest.fixture
async def slot(tmp_path: Path) -> AsyncIterator[Slot]:
    """A folder of the test's own."""
    held = take(tmp_path)
    yield held
    held.release()


@pytest.fixture
async def writer(slot: Slot) -> AsyncIterator[Writer]:
    """Writes there, up to a MB."""
    opened = Writer(slot, 10**6)
    yield opened
    assert await opened.close()


def stored(slot: Slot) -> list[Found]:
    """What stands in all segments."""
    return [one for path in slot.segments() for one in read(path.read_bytes())]


class Disk:
    """A disk that waits until it may go on, and then works or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: Exception | None = None) -> None:
        self.may_go_on = threading.Event()
        write = Tail.write

        def slowly(tail: Tail, chunks: Iterable[bytes]) -> None:
            assert self.may_go_on.wait(10)
            if failure is not None:
                raise failure
            write(tail, chunks)

        monkeypatch.setattr(Tail, "write", slowly)


async def test_what_waits_is_written_together_and_in_order(slot: Slot, writer: Writer) -> None:
    """And read back so."""
    entries = [entry(number) for number in range(50)]
    await asyncio.gather(*map(writer.append, entries))
    (segment,) = slot.segments()
    assert list(read(segment.read_bytes())) == entries
    assert writer.stored_bytes == segment.stat().st_size
    await writer.seal(segment)
    await writer.append(entry(50))
    assert len(slot.segments()) == 2
    await writer.seal(segment)  # it is another one's turn, which goes on
    await writer.append(entry(51))
    assert len(slot.segments()) == 2


async def test_a_segment_holds_no_more_than_it_should(
    slot: Slot, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is written at once; a larger delivery has one of its own."""
    monkeypatch.setattr(writing, "SEGMENT_BYTES", 1100)
    entries = [entry(number, size) for number, size in enumerate((300, 300, 300, 2000, 300, 300))]
    await asyncio.gather(*map(writer.append, entries))
    await writer.append(entry(6, 300))
    assert stored(slot) == [*entries, entry(6, 300)]
    sizes = [path.stat().st_size for path in slot.segments()]
    assert sum(size > 1100 for size in sizes) == 1
    assert len(sizes) == 3


async def test_beyond_the_limit_nothing_is_taken(slot: Slot) -> None:
    """What is queued counts, and what a start finds there as well."""
    size = len(encode(entry(1)))
    writer = Writer(slot, 2 * size)
    done = await asyncio.gather(
        *(writer.append(entry(number)) for number in range(1, 4)), return_exceptions=True
    )
    assert [getattr(one, "reason", None) for one in done] == [None, None, "spool_full"]
    assert not writer.accepts
    with pytest.raises(SpoolError, match="spool_full"):
        await Writer(slot, 2 * size).append(entry(5))
    (segment,) = slot.segments()
    await writer.seal(segment)
    slot.finish(segment)
    await writer.recount()
    assert writer.accepts
    assert writer.stored_bytes == 0
    await writer.append(entry(5))
    assert await writer.close()


async def test_after_a_failed_write_nothing_is_taken_until_the_disk_works(
    slot: Slot, writer: Writer
) -> None:
    """All that was to be written with it fails, and the spool says that it is failing."""
    shutil.rmtree(slot.path)
    ended = await asyncio.gather(
        *(writer.append(entry(number)) for number in range(3)), return_exceptions=True
    )
    assert [str(one) for one in ended] == ["spool_failed"] * 3
    assert len({id(one) for one in ended}) == 3
    await writer.probe()
    assert not writer.accepts
    slot.path.mkdir()
    with pytest.raises(SpoolError, match="spool_failed"):
        await writer.append(entry(1))
    await writer.probe()
    assert writer.accepts
    await writer.append(entry(2))
    assert stored(slot) == [entry(2)]
    assert not (slot.path / "probe").exists()


async def test_a_write_that_fails_half_way_is_taken_back(
    slot: Slot, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was promised before stays, and the bytes are counted as they are."""
    await writer.append(entry(1))

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(SpoolError):
        await writer.append(entry(2))
    monkeypatch.undo()
    assert await writer.close()  # the sender is told before the segment is cut back
    assert stored(slot) == [entry(1)]
    assert writer.stored_bytes == slot.size_bytes()


async def test_whatever_goes_wrong_every_sender_is_told(
    slot: Slot, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it is nothing that a disk would say; those who come after get their turn."""
    disk = Disk(monkeypatch, failure=RuntimeError("a bug"))
    disk.may_go_on.set()
    with pytest.raises(SpoolError, match="spool_failed"):
        await writer.append(entry(1))
    assert not writer.accepts
    monkeypatch.undo()
    await writer.probe()
    await writer.append(entry(2))
    assert stored(slot) == [entry(2)]


async def test_not_even_a_fault_within_the_handling_leaves_somebody_waiting(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those of the write, nor those behind them."""
    disk = Disk(monkeypatch, failure=RuntimeError("a bug"))

    def fail(_: Tail) -> None:
        raise RuntimeError("another")

    monkeypatch.setattr(Tail, "cut_back", fail)
    first = asyncio.create_task(writer.append(entry(1)))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(writer.append(entry(2)))
    await asyncio.sleep(0.05)
    disk.may_go_on.set()
    async with asyncio.timeout(10):
        ended = await asyncio.gather(first, second, return_exceptions=True)
    assert [str(one) for one in ended] == ["spool_failed"] * 2
    assert writer._writing is not None
    assert isinstance(writer._writing.exception(), RuntimeError)


async def test_a_segment_is_closed_between_two_writes(
    slot: Slot, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never under one, and without waiting for all that comes after it."""
    await writer.append(entry(0))
    (segment,) = slot.segments()
    disk = Disk(monkeypatch)
    going_on = True

    async def append_on() -> None:
        while going_on:
            await writer.append(entry(1))

    appending = asyncio.gather(*(append_on() for _ in range(4)))
    await asyncio.sleep(0.05)
    sealing = asyncio.create_task(writer.seal(segment))
    await asyncio.sleep(0.05)
    assert not sealing.done()
    disk.may_go_on.set()
    async with asyncio.timeout(10):
        await sealing
    sealed = segment.read_bytes()
    going_on = False
    await appending
    assert segment.read_bytes() == sealed
    assert len(slot.segments()) == 2
    assert all(isinstance(one, Entry) for one in stored(slot))


async def test_a_disk_that_does_not_answer_is_told_in_time(
    slot: Slot, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a delivery nor the end waits for it; when it goes on, all is well."""
    monkeypatch.setattr(writing, "WRITE_TIMEOUT_S", 0.1)
    monkeypatch.setattr(writing, "CLOSE_TIMEOUT_S", 0.1)
    disk = Disk(monkeypatch)
    first = asyncio.create_task(writer.append(entry(1)))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(writer.append(entry(2)))
    async with asyncio.timeout(5):
        ended = await asyncio.gather(first, second, return_exceptions=True)
    assert [str(one) for one in ended] == ["spool_failed"] * 2
    assert not writer.accepts
    assert not await writer.close()
    disk.may_go_on.set()
    async with asyncio.timeout(10):
        await writer.probe()
    assert writer.accepts
    assert stored(slot) == [entry(1)]
    assert writer.stored_bytes == slot.size_bytes()


async def test_whose_sender_hung_up_is_not_written(
    slot: Slot, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was never answered; its bytes count no more."""
    disk = Disk(monkeypatch)
    first = asyncio.create_task(writer.append(entry(1)))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(writer.append(entry(2)))
    await asyncio.sleep(0.05)
    second.cancel()
    disk.may_go_on.set()
    await first
    await asyncio.gather(second, return_exceptions=True)
    await writer.append(entry(3))
    assert stored(slot) == [entry(1), entry(3)]
    assert writer._waiting_bytes == 0


async def test_nobody_waits_for_a_look_at_the_sizes(
    slot: Slot, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the disk takes over that."""
    answers = threading.Event()
    size_bytes = Slot.size_bytes

    def slowly(slot: Slot) -> int:
        assert answers.wait(10)
        return size_bytes(slot)

    monkeypatch.setattr(Slot, "size_bytes", slowly)
    looking = asyncio.create_task(writer.recount())
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await writer.append(entry(1))
    answers.set()
    await looking
    assert writer.stored_bytes == slot.size_bytes()
