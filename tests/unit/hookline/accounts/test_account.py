"""What an account may do, and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.accounts.account import NEEDED_SCOPES, NOTICE, Account

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ACCOUNT, PAGE = "17841400000000001", "1755847768034402"


def account(**told: object) -> Account:
    """One that was granted everything."""
    known: dict[str, object] = {
        "account_id": ACCOUNT,
        "username": "brand",
        "page_id": PAGE,
        "page_name": "Brand",
        "user_id": "1",
        "app_id": "2",
        "scopes": list(NEEDED_SCOPES),
        "granular_scopes": [],
        "tasks": ["MANAGE"],
        "expires_at": None,
        "data_access_expires_at": None,
        "state": "active",
        "state_reason": None,
        "parked_endpoints": {},
        "connected_at": NOW,
        "state_changed_at": NOW,
        "checked_at": NOW,
    }
    return Account(**(known | told))  # type: ignore[arg-type]  # a row


@pytest.mark.parametrize(
    ("targets", "lacks"),
    [(None, False), ([], False), ([ACCOUNT], False), ([PAGE, "9"], False), (["9"], True)],
)
def test_a_permission_may_be_for_some_pages_only(targets: list[str] | None, lacks: bool) -> None:
    """Without a list it is for all of them."""
    granted = {"scope": "instagram_basic"} | ({} if targets is None else {"target_ids": targets})
    found = account(granular_scopes=[granted]).missing_scopes
    assert found == (["instagram_basic"] if lacks else [])


def test_what_was_not_granted_is_named() -> None:
    """Each permission by its name."""
    assert account().missing_scopes == []
    assert account(scopes=[]).missing_scopes == list(NEEDED_SCOPES)


@given(st.none() | st.timedeltas(timedelta(days=-9), timedelta(days=99)))
def test_the_state_of_a_token_that_works(left: timedelta | None) -> None:
    """It is told a week ahead that somebody has to connect the account again, and from then on."""
    found = account(data_access_expires_at=None if left is None else NOW + left).at(NOW)
    assert found.state == ("expiring" if left is not None and left < NOTICE else "active")


@pytest.mark.parametrize("state", ["parked", "removed"])
def test_what_is_not_read_does_not_expire(state: str) -> None:
    """It has to be connected again now."""
    assert account(state=state, expires_at=NOW).at(NOW).state == state


def test_what_ends_first_counts() -> None:
    """The token, or the access to data."""
    assert account().ends_at is None
    assert account(expires_at=NOW).ends_at == NOW
    later = NOW + timedelta(days=1)
    assert account(expires_at=later, data_access_expires_at=NOW).ends_at == NOW
