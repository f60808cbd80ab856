"""Counts and latencies of a run."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.report import Report, State, percentile

LATENCIES = st.lists(st.floats(0, 1e3), min_size=1).map(lambda values: array("d", values))


@given(LATENCIES, st.floats(0, 1))
def test_percentile_is_one_of_the_latencies(latencies: "array[float]", quantile: float) -> None:
    """At least that share of the latencies is not above it."""
    found_ms = percentile(latencies, quantile)
    assert found_ms in [latency * 1000 for latency in latencies]
    assert sum(s * 1000 <= found_ms for s in latencies) >= quantile * len(latencies) - 1e-9


@pytest.mark.parametrize(("quantile", "expected_ms"), [(0.5, 50_000), (0.99, 99_000), (1, 100_000)])
def test_percentiles_of_a_known_series(quantile: float, expected_ms: float) -> None:
    """Nearest rank."""
    assert percentile(array("d", range(1, 101)), quantile) == expected_ms


def test_nothing_has_no_latency() -> None:
    """A run without answers has no percentile."""
    assert percentile(array("d"), 0.5) is None


@pytest.mark.parametrize("state", [State.GIVEN_UP, State.WRONGLY_ACCEPTED])
def test_a_run_is_complete_only_when_all_went_as_it_should(state: State) -> None:
    """One delivery is enough to fail it."""
    report = Report()
    report.states[State.ACKNOWLEDGED] += 5
    report.states[State.REFUSED] += 1
    assert report.complete
    report.states[state] += 1
    assert not report.complete
