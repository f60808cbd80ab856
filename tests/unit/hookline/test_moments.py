"""Moments as operators write them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.moments import parse_moment

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("90s", NOW - timedelta(seconds=90)),
        ("1w", NOW - timedelta(weeks=1)),
        ("2026-11-22T08:00:00Z", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("2026-11-22T08:00:00+02:00", datetime(2026, 11, 22, 6, tzinfo=UTC)),
    ],
)
def test_both_forms_are_read(text: str, meant: datetime) -> None:
    """RFC 3339 with an offset, or so long before now."""
    assert parse_moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "2", "2y", "yesterday", "2026-11-22T08:00:00", "-2h", "²h"])
def test_anything_else_is_refused(text: str) -> None:
    """A time without an offset too: nobody would know whose it is."""
    with pytest.raises(ValueError, match="is no moment"):
        parse_moment(text, NOW)


@given(st.text(max_size=30))
def test_no_text_fails_otherwise(text: str) -> None:
    """It is a moment with an offset, or it is refused."""
    with suppress(ValueError):
        assert parse_moment(text, NOW).tzinfo is not None
