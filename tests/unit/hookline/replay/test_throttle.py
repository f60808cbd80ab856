"""A replay keeps to its rate, and gives way."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from pytest import MonkeyPatch  # noqa: PT013 - a type

from hookline.replay import throttle
from hookline.replay.live import Lag
from hookline.replay.throttle import Limits, Pace, Throttle


@given(
    st.integers(1, 1000),
    st.lists(st.tuples(st.integers(1, 500), st.floats(0, 10)), min_size=1, max_size=20),
)
def test_never_more_than_the_rate(rate: int, steps: list[tuple[int, float]]) -> None:
    """However long the work between takes: after a pause there is no rush."""
    pace, now_s, began_s, passed = Pace(rate), 100.0, 100.0, 0
    for records, took_s in steps:
        now_s += pace.wait_s(now_s)
        assert pace.wait_s(now_s) < 1e-6
        assert passed <= (now_s - began_s) * rate + 1e-3
        pace.took(records, now_s)
        passed += records
        now_s += took_s


class _Behind:
    """A worker that catches up."""

    def __init__(self, *records: int) -> None:
        self._records = itertools.chain(records, itertools.repeat(0))
        self.looks = 0

    async def worst(self) -> Lag:
        self.looks += 1
        return Lag(next(self._records), "persist")


async def test_it_waits_while_a_live_worker_is_behind(monkeypatch: MonkeyPatch) -> None:
    """And says for whom, and when it goes on."""
    monkeypatch.setattr(throttle, "LOOK_INTERVAL_S", 0.0)
    heard: list[Lag | None] = []
    live = _Behind(11, 12, 10)
    await Throttle(Limits(rate=1000, max_lag=10), live, heard.append).pass_on(1)
    assert heard == [Lag(11, "persist"), Lag(12, "persist"), None]
    assert live.looks == 3
