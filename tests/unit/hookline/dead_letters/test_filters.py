"""Whose account a letter is about, where that can be known."""

import json
from dataclasses import replace

import pytest
from hypothesis import given

from hookline.dead_letters.filters import accounts_in, is_of_account
from tests.unit.hookline.dead_letters.letters import LETTER
from tests.unit.schemas.values import any_bytes, untimed

EVENT = replace(
    LETTER, source_topic="instagram.events.mentions", event_id="mentions:17841:180001:-"
)


@pytest.mark.parametrize(
    ("account", "meant"), [("17841", True), ("1784", False), ("180001", False), ("", False)]
)
def test_an_event_tells_its_account_by_its_id(account: str, *, meant: bool) -> None:
    """The whole id, and no other part of it; the same with what the Graph told about it."""
    assert is_of_account(EVENT, account, None) is meant
    enriched = replace(EVENT, source_topic="instagram.enriched.mentions")
    assert is_of_account(enriched, account, None) is meant


def test_a_delivery_tells_all_of_its_accounts() -> None:
    """Each entry has one; a body that nobody reads has none."""
    entry = {"changes": [{"field": "comments", "value": {"id": "1"}}]}
    data = json.dumps({"entry": [{"id": "1", **entry}, {"id": "2", **entry}]}).encode()
    assert accounts_in(data) == {"1", "2"}
    assert is_of_account(LETTER, "2", data)
    assert not is_of_account(LETTER, "3", data)
    assert not is_of_account(LETTER, "1", b"{")
    assert not is_of_account(LETTER, "1", None)


@untimed
@given(any_bytes)
def test_any_body_has_accounts_or_none(data: bytes) -> None:
    """Total."""
    assert all(accounts_in(data)) or accounts_in(data) == set()
