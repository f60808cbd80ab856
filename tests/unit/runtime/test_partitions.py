"""Monthly partitions join without a gap."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.partitions import months

days = st.dates(min_value=date(1970, 1, 1), max_value=date(9000, 12, 31))


@given(days, st.integers(0, 30))
def test_months_join_without_a_gap(start: date, ahead: int) -> None:
    """From the month of the start, each to the first day of the next."""
    found = list(months(start, ahead))
    assert len(found) == ahead + 1
    assert found[0][0] == start.replace(day=1)
    for first, after in found:
        assert first.day == after.day == 1
        assert 28 <= (after - first).days <= 31
    for (_, after), (first, _) in pairwise(found):
        assert after == first


@pytest.mark.parametrize("day", [1, 15, 31])
def test_the_turn_of_a_year(day: int) -> None:
    """December is followed by January of the next year."""
    assert list(months(date(2026, 12, day), 1)) == [
        (date(2026, 12, 1), date(2027, 1, 1)),
        (date(2027, 1, 1), date(2027, 2, 1)),
    ]
