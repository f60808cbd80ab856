"""Commits never pass what is done."""

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from runtime.loop import next_offsets
from runtime.worker import Record
from schemas.dead_letters import Source

sources = st.builds(Source, st.sampled_from(["a", "b"]), st.integers(0, 2), st.integers(0, 2**40))
records = st.builds(Record, sources, st.none(), st.none(), st.just(()))


def record(offset: int, partition: int = 0) -> Record:
    """A record of topic a."""
    return Record(Source("a", partition, offset), None, None, ())


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
