"""The sum."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hookline.audit.ledger import COUNTS, Entry, total

HOUR = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ENDS = ("stored", "repeats", "dead", "parked", "in_flight")

counts = st.fixed_dictionaries({name: st.integers(0, 5) for name in ENDS})


@given(counts, st.integers(-3, 3))
def test_an_entry_adds_up_when_as_much_ended_as_was_received(
    ends: dict[str, int], more: int
) -> None:
    """Neither less nor more."""
    entry = Entry(HOUR, "comments", received=sum(ends.values()) - more, **ends)
    assert entry.difference == more
    assert entry.adds_up == (more == 0)


@given(counts)
def test_what_is_overdue_does_not_add_up(ends: dict[str, int]) -> None:
    """Though the numbers are right."""
    assert not Entry(HOUR, "comments", sum(ends.values()), **ends, overdue=1).adds_up


@given(st.lists(counts, max_size=4))
def test_a_total_is_the_sum_of_its_entries(several: list[dict[str, Any]]) -> None:
    """Column by column; of none it is nothing."""
    told = total(Entry(HOUR, "comments", **ends) for ends in several)
    assert told == {name: sum(ends.get(name, 0) for ends in several) for name in COUNTS}
