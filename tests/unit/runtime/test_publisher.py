"""Which records travel together."""

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from runtime.publisher import way_to

PARTITIONS = st.builds(TopicPartition, st.text(min_size=1), st.integers(0, 100))


@given(PARTITIONS, PARTITIONS, st.integers(min_value=0))
def test_one_brokers_partitions_travel_together(
    one: TopicPartition, other: TopicPartition, leader: int
) -> None:
    """Whichever they are."""
    assert way_to(one, leader) == way_to(other, leader) == leader


@pytest.mark.parametrize("leader", [None, -1])
@given(one=PARTITIONS, other=PARTITIONS)
def test_a_partition_without_a_leader_holds_back_no_other(
    leader: int | None, one: TopicPartition, other: TopicPartition
) -> None:
    """It travels alone until it has one."""
    assert way_to(one, leader) == one
    assert (way_to(one, leader) == way_to(other, leader)) is (one == other)
