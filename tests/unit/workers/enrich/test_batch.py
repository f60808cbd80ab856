"""How many reads go in one call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.requests import MAX_BATCH
from workers.enrich.batch import SMALLEST, TOO_MUCH, BatchSize

SLOW = "graph_timeout"


@given(st.integers(SMALLEST, MAX_BATCH), st.sampled_from(sorted(TOO_MUCH)))
def test_a_slow_graph_api_is_asked_for_what_it_answers_in_time(capacity: int, reason: str) -> None:
    """Whatever that is, half of the calls are answered, with half as many reads as could be."""
    size = BatchSize()
    counts = []
    for _ in range(100):
        counts.append(size.most)
        if size.most <= capacity:
            size.answered(size.most)
        else:
            size.unanswered(size.most, reason)
    answered = [count for count in counts[10:] if count <= capacity]
    assert len(answered) >= 45
    assert max(answered) > capacity // 2


@given(st.lists(st.booleans()))
def test_it_is_never_none_and_never_too_many(ends: list[bool]) -> None:
    """However calls end."""
    size = BatchSize()
    for is_answered in ends:
        if is_answered:
            size.answered(size.most)
        else:
            size.unanswered(size.most, SLOW)
        assert SMALLEST <= size.most <= MAX_BATCH


@given(st.integers(SMALLEST, MAX_BATCH))
def test_calls_that_were_not_full_tell_nothing_of_full_ones(count: int) -> None:
    """Live comments come one at a time, and are answered all the while."""
    size = BatchSize()
    size.unanswered(MAX_BATCH, SLOW)
    before = size.most
    size.answered(count)
    assert size.most == (before if count < before else MAX_BATCH)


@pytest.mark.parametrize("reason", ["graph_unreachable", "graph_server_error", "graph_unreadable"])
def test_an_outage_is_not_cured_by_smaller_batches(reason: str) -> None:
    """They would only be more calls."""
    size = BatchSize()
    size.unanswered(MAX_BATCH, reason)
    assert size.most == MAX_BATCH
