"""What becomes of an answer when a person says how it ended."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.replies.judgement import BECOMES, Word, judge
from hookline.replies.row import Row
from tests.unit.hookline.replies.rows import NOW, row, rows

words = st.sampled_from(Word)


@given(rows, words)
def test_it_becomes_what_was_said_or_stays(one: Row, word: Word) -> None:
    """With a reason, if it stays."""
    becomes, refusal = judge(one, word, NOW)
    assert (becomes is None) != (refusal is None)
    assert becomes in (None, BECOMES[word])


@given(rows, words)
def test_nobody_speaks_of_what_is_being_sent_or_was(one: Row, word: Word) -> None:
    """Whatever they say: the sender knows better."""
    under_way = one.state == "sending" and one.leased_until and one.leased_until > NOW
    if under_way or one.state == "sent":
        assert judge(one, word, NOW).refusal


@given(rows, words)
def test_nothing_is_sent_but_what_perhaps_was_not(one: Row, word: Word) -> None:
    """What is planned stays so, and a dry run that was struck off stays so."""
    if judge(one, word, NOW).becomes == "planned":
        assert one.state in ("unknown", "failed", "sending")
        assert not (one.state == "failed" and one.dry_run)


@pytest.mark.parametrize(
    ("told", "word", "becomes"),
    [
        ({"state": "unknown"}, Word.SENT, "sent"),
        ({"state": "unknown"}, Word.NOT_SENT, "failed"),
        ({"state": "unknown"}, Word.AGAIN, "planned"),
        ({"state": "unknown", "due_at": None}, Word.AGAIN, "planned"),
        ({"state": "planned"}, Word.NOT_SENT, "failed"),
        ({"state": "planned"}, Word.SENT, None),
        ({"state": "planned", "dry_run": True}, Word.NOT_SENT, "failed"),
        ({"state": "planned", "dry_run": True}, Word.AGAIN, None),
        ({"state": "failed", "attempts": 1}, Word.SENT, "sent"),
        ({"state": "failed"}, Word.SENT, None),
        ({"state": "failed"}, Word.NOT_SENT, None),
        ({"state": "failed"}, Word.AGAIN, "planned"),
        ({"state": "sending", "leased_until": NOW}, Word.NOT_SENT, "failed"),
        ({"state": "sending", "leased_until": NOW + timedelta(1)}, Word.SENT, None),
        ({"state": "sent"}, Word.AGAIN, None),
    ],
)
def test_what_was_said_of_what(told: dict[str, Any], word: Word, becomes: str | None) -> None:
    """One of each."""
    assert judge(row(**told), word, NOW).becomes == becomes
