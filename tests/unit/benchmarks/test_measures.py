"""Statistics and goals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measures import Book, Goal, percentile


def test_percentile_is_the_nearest_rank() -> None:
    """Of 1 to 100, the percentile is the number itself."""
    values = [float(number) for number in range(100, 0, -1)]
    assert [percentile(values, percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]


@given(
    st.lists(st.floats(allow_nan=False), min_size=1),
    st.floats(min_value=0, max_value=100, exclude_min=True),
)
def test_percentile_is_one_of_the_values_and_covers_enough(
    values: list[float], percent: float
) -> None:
    """So many percent of the values, or more, are not above it."""
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values) * (1 - 1e-12)


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_percentile_refuses_what_has_no_answer(values: list[float], percent: float) -> None:
    """No values, or a percentage outside of its range."""
    with pytest.raises(ValueError, match="percentage"):
        percentile(values, percent)


def test_book_keeps_rounds_and_order() -> None:
    """Quantities stand in the order in which they first came, with all their values."""
    book = Book()
    for value in (3.0, 1.0, 2.0):
        book.note("ingest", "requests", "/s", value, Goal("at least", 2))
        book.note("ingest", "p50", "ms", value)
    requests, p50 = book.measures()
    assert (requests.name, requests.values, requests.median) == ("requests", (3.0, 1.0, 2.0), 2.0)
    assert (requests.met, p50.met) == (True, None)


@pytest.mark.parametrize(
    ("goal", "below", "equal", "above"),
    [(Goal("at least", 2), False, True, True), (Goal("at most", 2), True, True, False)],
)
def test_goals_include_their_bound(goal: Goal, below: bool, equal: bool, above: bool) -> None:
    """A goal is met at its bound, and on its side of it."""
    assert [goal.met_by(value) for value in (1, 2, 3)] == [below, equal, above]
