"""What is to be answered, by its event or its ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.replies.target import Target, target_of_event, target_of_ids

ids = st.integers(1, 10**17).map(str)


@given(ids, st.none() | ids, st.none() | ids)
def test_by_event_as_by_ids(account_id: str, media_id: str | None, comment_id: str | None) -> None:
    """The event of the one is that of the other."""
    if media_id is None and comment_id is None:
        return
    target = target_of_ids(account_id, media_id, comment_id)
    assert target_of_event(target.event_id) == target
    assert (target.kind == "comment") == (media_id is None)


@given(st.text())
def test_any_text(event_id: str) -> None:
    """A target with ids of Meta's, or a sentence."""
    try:
        target = target_of_event(event_id)
    except ValueError as error:
        assert str(error)  # noqa: PT017
    else:
        assert target.event_id == event_id


@pytest.mark.parametrize(
    ("event_id", "words"),
    [
        ("live_comments:17:18", "live"),
        ("mentions:0:test:0192:0.changes.0", "dashboard"),
        ("comments:0:17", "dashboard"),
        ("story_insights:17:18", "no event that can be answered"),
        ("comments:17:sha256:aa", "no event that can be answered"),
        ("comments:17:18#thanks", "digits"),
        ("mentions:17:18", "no event that can be answered"),
        ("", "no event that can be answered"),
    ],
)
def test_what_cannot_be_answered(event_id: str, words: str) -> None:
    """And why."""
    with pytest.raises(ValueError, match=words):
        target_of_event(event_id)


def test_the_kinds() -> None:
    """Of each one."""
    assert target_of_event("mentions:1:2:3") == Target("comment_mention", "1", "2", "3")
    assert target_of_event("mentions:1:2:-") == Target("caption_mention", "1", "2", None)
    assert target_of_event("comments:1:3") == Target("comment", "1", None, "3")
