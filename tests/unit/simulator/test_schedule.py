"""Meta's retries, compressed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.schedule import HORIZON_S, RetrySchedule


@given(st.floats(1e-3, 1e9), st.integers(0, 100))
def test_waits_never_shrink_and_end_at_the_horizon(compression: float, max_retries: int) -> None:
    """Immediately, then less and less often, for 36 hours by the compressed clock."""
    schedule = RetrySchedule(compression, max_retries)
    delays = schedule.delays_s()
    assert len(delays) <= max_retries
    assert delays[:1] in ((), (0.0,))
    assert all(earlier <= later for earlier, later in pairwise(delays))
    assert sum(delays) <= schedule.horizon_s * (1 + 1e-9)


def test_uncompressed_schedule_lasts_36_hours() -> None:
    """Retries at once, after 15 s, 30 s, and so on; the last one after 36 hours."""
    delays = RetrySchedule(compression=1).delays_s()
    assert delays[:4] == (0.0, 15.0, 30.0, 60.0)
    assert sum(delays) == pytest.approx(HORIZON_S)
    assert len(delays) == 14


def test_compression_divides_every_wait() -> None:
    """One minute instead of 36 hours by default."""
    assert RetrySchedule().horizon_s == pytest.approx(60.0)
    plain, compressed = RetrySchedule(1).delays_s(), RetrySchedule(10).delays_s()
    assert compressed == pytest.approx([delay / 10 for delay in plain])


@pytest.mark.parametrize(("compression", "max_retries"), [(0, 1), (-1, 1), (1, -1)])
def test_impossible_schedules_are_refused(compression: float, max_retries: int) -> None:
    """A schedule that never ends or runs backwards is an error of the caller's."""
    with pytest.raises(ValueError, match="compression"):
        RetrySchedule(compression, max_retries)
