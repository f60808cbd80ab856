"""When to move on to another version."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.versions import ENDS, NOTICE, outlook
from schemas.settings import GraphSettings

dates = st.dates(date(2024, 1, 1), date(2035, 1, 1))


@given(st.sampled_from(sorted(ENDS)), dates)
def test_advice_from_ninety_days_before_the_end(version: str, today: date) -> None:
    """Silence before, and for versions whose end nobody knows."""
    told = outlook(version, today)
    ends = ENDS[version]
    assert told.ends == ends
    if ends is None or today < ends - NOTICE:
        assert (told.state, told.advice) == ("good", None)
    else:
        assert told.state == ("ends_soon" if today < ends else "ended")
        assert told.advice is not None
        assert str(ends) in told.advice


def test_the_last_day_is_the_one_before_the_end() -> None:
    """v25.0 answers until July 2028."""
    ends = date(2028, 7, 29)
    assert outlook("v25.0", ends - timedelta(days=91)).state == "good"
    assert outlook("v25.0", ends - timedelta(days=90)).state == "ends_soon"
    assert outlook("v25.0", ends - timedelta(days=1)).state == "ends_soon"
    assert outlook("v25.0", ends).state == "ended"


@given(dates)
def test_the_default_version_is_not_the_one_to_leave_first(today: date) -> None:
    """It is advised itself, wherever another one must go."""
    default = GraphSettings.model_fields["graph_version"].default
    told = outlook("v24.0", today)
    assert told.advice is None or default in told.advice


@pytest.mark.parametrize("version", ["v1.0", "v99.0", "25", ""])
def test_a_version_that_nobody_tried(version: str) -> None:
    """It may work; nothing is known of its end."""
    told = outlook(version, date(2026, 11, 23))
    assert (told.state, told.ends) == ("unknown", None)
    assert told.advice is not None
