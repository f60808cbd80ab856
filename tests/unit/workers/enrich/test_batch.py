"""How many reads go in one call."""

from hypothesis import given
from hypothesis import strategies as st

from graph.requests import MAX_BATCH
from workers.enrich.batch import SMALLEST, BatchSize


@given(st.integers(SMALLEST, MAX_BATCH))
def test_a_slow_graph_api_is_asked_for_what_it_answers_in_time(capacity: int) -> None:
    """Whatever that is, most calls are answered, with at least half as many reads."""
    size = BatchSize()
    counts = []
    for _ in range(100):
        count = size.most
        counts.append(count)
        size.ended(count, is_answered=count <= capacity)
    answered = [count for count in counts[10:] if count <= capacity]
    assert len(answered) >= 45
    assert max(answered) > capacity // 2


@given(st.lists(st.booleans()))
def test_it_is_never_none_and_never_too_many(ends: list[bool]) -> None:
    """However calls end."""
    size = BatchSize()
    for is_answered in ends:
        size.ended(size.most, is_answered=is_answered)
        assert SMALLEST <= size.most <= MAX_BATCH


@given(st.integers(SMALLEST, MAX_BATCH))
def test_calls_that_were_not_full_tell_nothing_of_full_ones(count: int) -> None:
    """Live comments come one at a time, and are answered all the while."""
    size = BatchSize()
    size.ended(MAX_BATCH, is_answered=False)
    before = size.most
    size.ended(count, is_answered=True)
    assert size.most == (before if count < before else MAX_BATCH)
