"""What will become of an answer, and what a person is told to do."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from hookline.replies.prospect import Circumstances, prospect
from hookline.replies.row import Row
from tests.unit.hookline.replies.rows import NOW, all_circumstances, circumstances, row, rows

LATER = NOW + timedelta(hours=1)


@given(rows, all_circumstances)
def test_everything_has_a_prospect(one: Row, about: Circumstances) -> None:
    """And whatever only a person can end tells how."""
    found = prospect(one, about)
    assert found.next.endswith(".")
    if one.waits_for_a_person:
        assert found.next.startswith("Nothing")
    if one.state in ("unknown", "planned") and not one.dry_run:
        assert f"hookline replies settle '{one.reply_key}'" in (found.to_do or "")


@given(rows, all_circumstances)
def test_nobody_is_told_to_settle_what_stays_as_it_is(one: Row, about: Circumstances) -> None:
    """What was sent, or is being sent."""
    leased = one.state == "sending" and one.leased_until and one.leased_until > NOW
    if one.state == "sent" or leased:
        assert prospect(one, about).to_do is None


@pytest.mark.parametrize(
    ("told", "about", "words"),
    [
        ({}, {}, "if `thanks` is in the rules"),
        ({"rule": "manual"}, {}, "call budget"),
        ({"dry_run": True}, {}, "dry run"),
        ({"due_at": LATER}, {}, "2026-11-28 13:00:00Z, not before"),
        ({}, {"has_worker": False}, "no worker `reply`"),
        ({}, {"account_state": None}, "is not connected"),
        ({}, {"account_state": "parked", "account_reason": "token_expired"}, "token_expired"),
        ({}, {"parked_endpoints": {"mention_reply": "permission_missing"}}, "may not answer"),
        ({"kind": "comment"}, {"parked_endpoints": {"mention_reply": "x"}}, "limits allow"),
        ({}, {"blocked_until": LATER}, "blocks"),
        ({"state": "sending", "leased_until": LATER}, {}, "being sent"),
        ({"state": "sending", "leased_until": NOW}, {}, "becomes unknown"),
        ({"state": "unknown", "due_at": LATER}, {}, "looked for below the comment at"),
        ({"state": "unknown", "due_at": LATER}, {"account_state": "parked"}, "cannot be looked"),
        ({"state": "unknown", "due_at": LATER}, {"has_worker": False}, "no worker"),
        ({"state": "unknown", "due_at": None}, {}, "only a person"),
        ({"state": "sent"}, {}, "done"),
        ({"state": "failed"}, {}, "not sent"),
    ],
)
def test_what_is_told(told: dict[str, Any], about: dict[str, Any], words: str) -> None:
    """One of each."""
    assert words in prospect(row(**told), circumstances(**about)).next
