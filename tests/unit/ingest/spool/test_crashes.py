"""Whatever happens between its starts, the spool gives back what it promised and nothing else."""

import asyncio
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.spool import writer as writing
from ingest.spool.segment import MAGIC, Entry, encode, read
from ingest.spool.slot import take
from ingest.spool.writer import Writer


class Append(NamedTuple):
    """Deliveries of these bodies come at once, and are acknowledged."""

    bodies: list[bytes]


class Crash(NamedTuple):
    """Power is lost within the write of another one, after so many of a thousand parts of it."""

    body: bytes
    permille: int


class Flip(NamedTuple):
    """A bit of one byte turns, somewhere in what is stored."""

    place: int
    bit: int


class Cut(NamedTuple):
    """The end of a file is lost, from somewhere on."""

    place: int


BODIES = st.one_of(st.binary(max_size=60), st.binary(max_size=30).map(lambda body: MAGIC + body))
STEPS = st.lists(
    st.one_of(
        st.builds(Append, st.lists(BODIES, min_size=1, max_size=4)),
        st.builds(Crash, BODIES, st.integers(0, 999)),
        st.builds(Flip, st.integers(0, 10**6), st.integers(0, 7)),
        st.builds(Cut, st.integers(0, 10**6)),
    ),
    max_size=12,
)


class Stored(NamedTuple):
    """Where an acknowledged delivery stands."""

    entry: Entry
    segment: Path
    start: int
    end: int


class Model:
    """A spool's folder, and what should be found in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._numbers = count()
        self._slot = take(root)
        self._writer = Writer(self._slot, 10**9)
        self._acknowledged: list[Stored] = []

    async def append(self, step: Append) -> None:
        """Acknowledged: they are to be found from now on."""
        entries = [self._entry(body) for body in step.bodies]
        before = {path: path.stat().st_size for path in self._slot.segments()}
        await asyncio.gather(*map(self._writer.append, entries))
        rest = list(entries)
        for path in self._slot.segments():
            place = before.get(path, 0)
            while place < path.stat().st_size:
                entry = rest.pop(0)
                end = place + len(encode(entry))
                self._acknowledged.append(Stored(entry, path, place, end))
                place = end
        assert rest == []

    async def crash(self, step: Crash) -> None:
        """The next start finds the beginning of a write that nobody was told of."""
        await self.restart()
        torn = encode(self._entry(step.body))
        segment = self._slot.segments()[-1] if self._slot.segments() else self._slot.new_segment()
        with segment.open("ab") as file:
            file.write(torn[: len(torn) * step.permille // 1000])

    async def damage(self, step: Flip | Cut) -> None:
        """Deliveries that it hits are not to be found, unless it is undone."""
        await self.restart()
        places = [
            (path, place) for path in self._slot.segments() for place in range(path.stat().st_size)
        ]
        if not places:
            return
        segment, place = places[step.place % len(places)]
        data = bytearray(segment.read_bytes())
        if isinstance(step, Flip):
            data[place] ^= 1 << step.bit
        else:
            del data[place:]
        segment.write_bytes(data)

    async def restart(self) -> None:
        """Another process goes on in the folder."""
        await self.close()
        self._slot = take(self._root)
        self._writer = Writer(self._slot, 10**9)
        assert self._writer.stored_bytes == self._slot.size_bytes()

    async def close(self) -> None:
        """Nobody holds the folder any more."""
        assert await self._writer.close()
        self._slot.release()

    def undamaged(self) -> list[Entry]:
        """What is promised to be found: the acknowledged whose bytes are as they were written."""
        return [
            one.entry
            for one in self._acknowledged
            if one.segment.read_bytes()[one.start : one.end] == encode(one.entry)
        ]

    def found(self) -> list[Entry]:
        """What a drain would send."""
        return [
            one
            for path in self._slot.segments()
            for one in read(path.read_bytes())
            if isinstance(one, Entry)
        ]

    def _entry(self, body: bytes) -> Entry:
        return Entry(("topic",), b"%d" % next(self._numbers), [("name", b"\xff")], body)


async def _live(steps: list[Append | Crash | Flip | Cut]) -> None:
    with TemporaryDirectory() as folder:
        model = Model(Path(folder))
        for step in steps:
            match step:
                case Append():
                    await model.append(step)
                case Crash():
                    await model.crash(step)
                case _:
                    await model.damage(step)
        assert model.found() == model.undamaged()
        await model.close()


@given(STEPS)
@settings(max_examples=150)
def test_what_was_promised_and_is_whole_is_read_back_in_order(
    steps: list[Append | Crash | Flip | Cut],
) -> None:
    """After any appends, crashes within a write, lost ends and turned bits; nothing is invented."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "SEGMENT_BYTES", 400)
        asyncio.run(_live(steps))
