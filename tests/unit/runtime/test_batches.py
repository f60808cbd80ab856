"""Batches hold all records in order, and commits never pass what is done."""

from itertools import pairwise

from aiokafka import TopicPartition
from hypothesis import assume, given
from hypothesis import strategies as st

from runtime.loop import next_offsets
from runtime.worker import Record, batches, dead_letter
from schemas.dead_letters import DeadLetter, Source

sources = st.builds(Source, st.sampled_from(["a", "b"]), st.integers(0, 2), st.integers(0, 2**40))
records = st.builds(
    Record,
    sources,
    st.none() | st.binary(max_size=3),
    st.none() | st.binary(max_size=400),
    st.just(()),
)


def record(offset: int, size_bytes: int = 0, partition: int = 0) -> Record:
    """A record of topic a."""
    return Record(Source("a", partition, offset), None, b"x" * size_bytes, ())


@given(st.lists(records), st.integers(1, 5), st.integers(1, 1000))
def test_batches_are_the_records_in_order(
    given_records: list[Record], max_records: int, max_bytes: int
) -> None:
    """None is lost, none comes twice, none overtakes, and no batch is empty."""
    cut = list(batches(given_records, max_records, max_bytes))
    assert [member for batch in cut for member in batch] == given_records
    assert all(cut)


@given(st.lists(records), st.integers(1, 5), st.integers(1, 1000))
def test_batches_stay_within_their_limits(
    given_records: list[Record], max_records: int, max_bytes: int
) -> None:
    """Unless a single record is larger: it is a batch of its own."""
    for batch in batches(given_records, max_records, max_bytes):
        assert len(batch) <= max_records
        assert sum(member.size_bytes for member in batch) <= max_bytes or len(batch) == 1


@given(st.lists(records), st.integers(1, 5), st.integers(1, 1000))
def test_batches_are_as_large_as_they_may_be(
    given_records: list[Record], max_records: int, max_bytes: int
) -> None:
    """The first record of each would not have fitted into the one before."""
    cut = list(batches(given_records, max_records, max_bytes))
    for batch, following in pairwise(cut):
        size_bytes = sum(member.size_bytes for member in [*batch, following[0]])
        assert len(batch) == max_records or size_bytes > max_bytes


def test_a_record_larger_than_the_limit_is_alone() -> None:
    """And its neighbours do without it."""
    small, large = record(1, 10), record(2, 5000)
    assert list(batches([small, small, large, small], 500, 1000)) == [
        [small, small],
        [large],
        [small],
    ]


def test_nothing_makes_no_batch() -> None:
    """An empty poll is no work."""
    assert list(batches([], 10, 10)) == []


@given(st.lists(records))
def test_commits_follow_the_last_record_of_each_partition(given_records: list[Record]) -> None:
    """Kafka is told the next offset to read, of exactly the partitions that were read."""
    found = next_offsets(given_records)
    read = {(member.source.topic, member.source.partition) for member in given_records}
    assert set(found) == {TopicPartition(topic, partition) for topic, partition in read}
    for partition, offset in found.items():
        done = [
            member.source.offset
            for member in given_records
            if (member.source.topic, member.source.partition) == tuple(partition)
        ]
        assert offset == max(done) + 1


def test_the_commit_of_a_batch() -> None:
    """Literally."""
    assert next_offsets([record(4), record(0, partition=1), record(5)]) == {
        TopicPartition("a", 0): 6,
        TopicPartition("a", 1): 1,
    }


def test_a_dead_letter_keeps_its_record() -> None:
    """Key, value and headers, untouched."""
    source = Source("instagram.raw.other", 3, 9)
    bad = Record(source, b"k", None, (("x", b"\xff"),))
    assert dead_letter("dedupe", bad, "not_json", "why") == DeadLetter(
        "dedupe", "not_json", "why", source, b"k", None, (("x", b"\xff"),), 1
    )


@given(st.integers(0, 9999))
def test_a_dead_letter_counts_the_attempts(behind: int) -> None:
    """One more than the record tells to have behind it."""
    told = (("attempt", b"%d" % behind), ("delivery-id", b"an-id"))
    bad = Record(Source("t", 0, 5), b"k", b"v", told)
    assert dead_letter("dedupe", bad, "not_json", "why").attempt == behind + 1


@given(st.none() | st.binary() | st.just("٣".encode()) | st.integers(10_000).map(b"%d".__mod__))
def test_odd_attempts_count_as_none(told: bytes | None) -> None:
    """Whatever somebody else wrote there."""
    assume(told is None or len(told) >= 5 or not told.isdigit())
    headers = () if told is None else (("attempt", told),)
    assert (
        dead_letter("dedupe", Record(Source("t", 0, 5), None, None, headers), "r", "d").attempt == 1
    )
