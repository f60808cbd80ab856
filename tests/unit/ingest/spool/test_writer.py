"""Nothing counts as written before it is on the disk."""

import asyncio
import shutil
from pathlib import Path

import pytest

from ingest.spool.segment import Entry, encode, read
from ingest.spool.slot import take
from ingest.spool.writer import SpoolError, Writer


def entry(number: int, size: int = 10) -> Entry:
    """A delivery."""
    return Entry(("topic",), b"%d" % number, [], b"x" * size)


async def test_what_waits_is_written_together_and_in_order(tmp_path: Path) -> None:
    """And read back so."""
    slot = take(tmp_path)
    writer = Writer(slot, 10**6)
    entries = [entry(number) for number in range(50)]
    await asyncio.gather(*map(writer.append, entries))
    (segment,) = slot.segments()
    assert list(read(segment.read_bytes())) == entries
    assert writer.stored_bytes == segment.stat().st_size
    await writer.seal()
    await writer.append(entry(50))
    assert len(slot.segments()) == 2
    await writer.seal()
    slot.release()


async def test_beyond_the_limit_nothing_is_taken(tmp_path: Path) -> None:
    """What is queued counts, and what a start finds there as well."""
    slot = take(tmp_path)
    size = len(encode(entry(1)))
    writer = Writer(slot, 2 * size)
    done = await asyncio.gather(
        *(writer.append(entry(number)) for number in range(1, 4)), return_exceptions=True
    )
    assert [getattr(one, "reason", None) for one in done] == [None, None, "spool_full"]
    assert not writer.accepts
    await writer.seal()
    assert not Writer(slot, 2 * size).accepts
    writer.removed(size)
    await writer.append(entry(5))
    await writer.seal()
    slot.release()


async def test_a_write_that_fails_is_told_and_the_next_may_pass(tmp_path: Path) -> None:
    """All that was to be written with it fails, and the spool says that it is failing."""
    slot = take(tmp_path)
    writer = Writer(slot, 10**6)
    shutil.rmtree(slot.path)
    with pytest.raises(SpoolError) as caught:
        await writer.append(entry(1))
    assert caught.value.reason == "spool_failed"
    assert not writer.accepts
    slot.path.mkdir()
    await writer.append(entry(2))
    assert writer.accepts
    (segment,) = slot.segments()
    assert list(read(segment.read_bytes())) == [entry(2)]
    await writer.seal()
    slot.release()
