"""The pause after answers of which nobody knows."""

from hypothesis import given
from hypothesis import strategies as st

from workers.reply.pause import FREE, pause_s


@given(st.integers(0, 10_000), st.floats(0, 86_400))
def test_it_grows_to_its_limit(in_a_row: int, longest_s: float) -> None:
    """And begins at the third."""
    assert 0 <= pause_s(in_a_row, longest_s) <= pause_s(in_a_row + 1, longest_s) <= longest_s
    assert (pause_s(in_a_row, 300.0) == 0) == (in_a_row <= FREE)
    assert pause_s(10_000, longest_s) == longest_s
