"""Batches hold all items in their order, within their limits."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runtime.batches import batches
from runtime.worker import Record, size_bytes
from schemas.dead_letters import Source

sources = st.builds(Source, st.sampled_from(["a", "b"]), st.integers(0, 2), st.integers(0, 2**40))
records = st.builds(
    Record,
    sources,
    st.none() | st.binary(max_size=3),
    st.none() | st.binary(max_size=400),
    st.just(()),
)


def record(offset: int, length: int = 0) -> Record:
    """A record of topic a."""
    return Record(Source("a", 0, offset), None, b"x" * length, ())


@given(st.lists(records), st.integers(1, 5), st.integers(1, 1000))
def test_batches_are_the_records_in_order(
    given_records: list[Record], max_records: int, max_bytes: int
) -> None:
    """None is lost, none comes twice, none overtakes, and no batch is empty."""
    cut = list(batches(given_records, max_records, max_bytes, size_bytes))
    assert [member for batch in cut for member in batch] == given_records
    assert all(cut)


@given(st.lists(records), st.integers(1, 5), st.integers(1, 1000))
def test_batches_stay_within_their_limits(
    given_records: list[Record], max_records: int, max_bytes: int
) -> None:
    """Unless a single record is larger: it is a batch of its own."""
    for batch in batches(given_records, max_records, max_bytes, size_bytes):
        assert len(batch) <= max_records
        assert sum(map(size_bytes, batch)) <= max_bytes or len(batch) == 1


@given(st.lists(records), st.integers(1, 5), st.integers(1, 1000))
def test_batches_are_as_large_as_they_may_be(
    given_records: list[Record], max_records: int, max_bytes: int
) -> None:
    """The first record of each would not have fitted into the one before."""
    cut = list(batches(given_records, max_records, max_bytes, size_bytes))
    for batch, following in pairwise(cut):
        held_bytes = sum(map(size_bytes, [*batch, following[0]]))
        assert len(batch) == max_records or held_bytes > max_bytes


def test_a_record_larger_than_the_limit_is_alone() -> None:
    """And its neighbours do without it."""
    small, large = record(1, 10), record(2, 5000)
    assert list(batches([small, small, large, small], 500, 1000, size_bytes)) == [
        [small, small],
        [large],
        [small],
    ]


def test_nothing_makes_no_batch() -> None:
    """An empty poll is no work."""
    assert list(batches([], 10, 10, size_bytes)) == []
