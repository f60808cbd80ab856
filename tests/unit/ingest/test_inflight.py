"""A process holds no more bytes than it may."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.inflight import InflightBytes


def test_the_limit_itself_is_allowed() -> None:
    """One byte beyond it is not, and what was refused is not counted."""
    inflight = InflightBytes(10)
    assert inflight.hold(4)
    assert inflight.hold(6)
    assert not inflight.hold(1)
    assert inflight.hold(0)
    inflight.release(6)
    assert not inflight.hold(7)
    assert inflight.hold(6)


@given(st.integers(0, 100), st.lists(st.tuples(st.booleans(), st.integers(0, 60))))
def test_held_bytes_stay_within_the_limit(limit: int, steps: list[tuple[bool, int]]) -> None:
    """Bytes are refused exactly where they would pass it, whatever came and went before."""
    inflight = InflightBytes(limit)
    held: list[int] = []
    for arrives, size in steps:
        if arrives:
            fits = sum(held) + size <= limit
            assert inflight.hold(size) == fits
            if fits:
                held.append(size)
        elif held:
            inflight.release(held.pop())
