"""A segment gives back whole deliveries, whatever happened to its bytes."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.spool.segment import MAGIC, Damage, Entry, encode, read

HEADERS = st.lists(st.tuples(st.text(max_size=10), st.binary(max_size=20)), max_size=4)
BODIES = st.one_of(st.binary(max_size=80), st.just(MAGIC * 5), st.binary().map(lambda b: MAGIC + b))
ENTRIES = st.lists(
    st.builds(
        Entry,
        st.lists(st.text(max_size=10), min_size=1, max_size=3).map(tuple),
        st.binary(max_size=64),
        HEADERS,
        BODIES,
    ),
    min_size=1,
    max_size=5,
)


@given(ENTRIES)
def test_what_was_written_is_read(entries: list[Entry]) -> None:
    """In order, byte for byte."""
    assert list(read(b"".join(map(encode, entries)))) == entries


@given(ENTRIES, st.data())
def test_a_write_cut_short_leaves_the_whole_ones_before_it(
    entries: list[Entry], data: st.DataObject
) -> None:
    """At any byte; what is left of the last one is known as torn."""
    chunks = [encode(entry) for entry in entries]
    whole = b"".join(chunks)
    length = data.draw(st.integers(0, len(whole)))
    ends = [sum(map(len, chunks[: count + 1])) for count in range(len(chunks))]
    complete = sum(end <= length for end in ends)
    found = list(read(whole[:length]))
    assert found[:complete] == entries[:complete]
    begin = ends[complete - 1] if complete else 0
    assert found[complete:] == ([Damage(begin, length, torn=True)] if begin < length else [])


@given(ENTRIES, st.integers(1, 64))
def test_zeros_behind_the_last_one_are_torn(entries: list[Entry], zeros: int) -> None:
    """Some file systems leave them after a power loss."""
    found = list(read(b"".join(map(encode, entries)) + bytes(zeros)))
    assert found[:-1] == entries
    assert isinstance(found[-1], Damage)
    assert found[-1].torn


@given(ENTRIES, st.data())
def test_a_changed_byte_never_gives_another_delivery(
    entries: list[Entry], data: st.DataObject
) -> None:
    """The others are read all the same, and the damage is not taken for a write cut short."""
    chunks = [encode(entry) for entry in entries]
    hit = data.draw(st.integers(0, len(entries) - 1))
    place = data.draw(st.integers(0, len(chunks[hit]) - 1))
    changed = bytearray(chunks[hit])
    changed[place] ^= data.draw(st.integers(1, 255))
    chunks[hit] = bytes(changed)
    found = list(read(b"".join(chunks)))
    survivors = [one for one in found if isinstance(one, Entry)]
    assert survivors == entries[:hit] + entries[hit + 1 :]
    damages = [one for one in found if isinstance(one, Damage)]
    assert damages
    assert not any(damage.torn for damage in damages)


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    """Every byte belongs to an entry or to a damage."""
    assert all(isinstance(one, Entry | Damage) for one in read(data))


def test_damage_in_the_middle_is_not_torn() -> None:
    """It was promised, so it is never thrown away."""
    entry = Entry(("topic",), b"key", [("name", b"value")], b"body")
    first = bytearray(encode(entry))
    first[-1] ^= 1
    found = list(read(bytes(first) + encode(entry)))
    assert found == [Damage(0, len(first), torn=False), entry]
