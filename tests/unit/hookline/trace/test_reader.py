"""Spans of partitions."""

from hypothesis import given
from hypothesis import strategies as st

from hookline.trace.reader import Span

OFFSETS = st.integers(0, 1000)


@given(OFFSETS, OFFSETS, OFFSETS, OFFSETS)
def test_a_limit_cuts_the_end_alone(first: int, before: int, size: int, limit: int) -> None:
    """Never below the start, never beyond the end."""
    span = Span(first, first + before, first + before + size)
    cut = span.at_most(limit)
    assert (cut.first, cut.start) == (span.first, span.start)
    assert cut.end - cut.start == min(size, limit)


def test_a_span_begins_late_when_older_records_are_gone() -> None:
    """What was asked for may have stood among them."""
    assert Span(5, 5, 9).begins_late
    assert not Span(5, 6, 9).begins_late
    assert not Span(0, 0, 9).begins_late
