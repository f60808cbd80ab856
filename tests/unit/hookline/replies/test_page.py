"""Answers for people."""

import pytest

from graph.errors import BLOCKED
from hookline.replies.page import show_list
from hookline.replies.reasons import MEANINGS, meaning
from hookline.replies.selection import Counts
from tests.unit.hookline.replies.rows import row


def test_a_list_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """With a long rule, the longest reason, and keys that are whole."""
    key = "mentions:17841405726653026:18099999999990001:17000000000000000#thanks"
    one = row(reply_key=key, rule="thanks-to-everybody", state="failed", reason=BLOCKED)
    longest = one._replace(reason="not_found_or_no_permission", state="unknown", due_at=None)
    dry = one._replace(state="planned", dry_run=True, reason=None)
    show_list([one, longest, dry], Counts(1, 0, 1200, 1, 1, 1, 1))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(key in line for line in lines) == 3
    assert "dry run" in lines[5]
    assert lines[-3:-1] == [
        "… and 1,200 more: --max shows more of them.",
        "1,203 answers: 1 planned (1 of them dry runs), 1,200 sent, 1 failed, 1 unknown.",
    ]


def test_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Is told."""
    show_list([], Counts(0, 0, 0, 0, 0, 0, 0))
    assert capsys.readouterr().out == "No answers.\n"


def test_meanings() -> None:
    """In sentences; a reason that nobody knows speaks for itself."""
    assert all(words.endswith(".") for words in MEANINGS.values())
    assert "token" in (meaning("token_expired") or "")
    assert "calls" in (meaning("throttled_account") or "")
    assert meaning("no_such_thing") is None
    assert meaning(None) is None
