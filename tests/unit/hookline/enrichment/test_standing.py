"""When the backlog will be done."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.enrichment.page import document
from hookline.enrichment.standing import Standing, clears_in

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def standing(**told: object) -> Standing:
    """An account that is connected."""
    known: dict[str, object] = {
        "at": NOW,
        "account_id": "17841400000000001",
        "username": None,
        "state": "active",
        "state_reason": None,
        "parked_endpoints": {},
        "ends_at": None,
        "waiting": 0,
        "due": 0,
        "oldest_at": None,
        "next_at": None,
        "read_last_hour": 0,
        "used_percent": None,
        "blocked_until": None,
        "left_out": 0,
    }
    return Standing(**(known | told))  # type: ignore[arg-type]  # a row


@pytest.mark.parametrize(
    ("told", "clears"),
    [
        ({}, timedelta(0)),
        ({"waiting": 100}, None),
        ({"waiting": 100, "read_last_hour": 50}, timedelta(hours=2)),
        ({"waiting": 100, "read_last_hour": 50, "state": "parked"}, None),
        ({"waiting": 100, "read_last_hour": 50, "left_out": 50}, timedelta(hours=1)),
        ({"waiting": 100, "read_last_hour": 50, "left_out": 100}, None),
        (
            {"waiting": 50, "read_last_hour": 50, "blocked_until": NOW + timedelta(hours=3)},
            timedelta(hours=4),
        ),
    ],
)
def test_one_account(told: dict[str, object], clears: timedelta | None) -> None:
    """At the pace of the last hour, once it is no longer blocked."""
    assert standing(**told).clears_in == clears


def test_all_accounts_are_done_when_the_last_is() -> None:
    """Those that wait for a person do not count, and one at no known pace leaves it open."""
    slow = standing(waiting=100, read_last_hour=10)
    parked = standing(waiting=100, state="not_connected")
    assert clears_in([slow, parked, standing()]) == timedelta(hours=10)
    assert clears_in([parked]) == timedelta(0)
    assert clears_in([standing(waiting=100, left_out=100)]) == timedelta(0)
    assert clears_in([slow, standing(waiting=1)]) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["active", "parked"])),
        max_size=5,
    )
)
def test_the_document_adds_up(told: list[tuple[int, int, str]]) -> None:
    """Its sums are those of its accounts; of those that are read, what is left out is parked."""
    page = document(
        [
            standing(waiting=some + left_out, left_out=left_out, state=state)
            for some, left_out, state in told
        ]
    )
    assert page["waiting"] == sum(account["waiting"] for account in page["accounts"])
    assert page["parked"] == sum(
        account["waiting" if account["state"] == "parked" else "left_out"]
        for account in page["accounts"]
    )
