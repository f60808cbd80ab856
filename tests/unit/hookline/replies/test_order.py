"""An answer that a person orders."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.replies.answered import Answered
from hookline.replies.order import (
    Earlier,
    message_of,
    new_reply,
    plan,
    refusal,
    warnings,
)
from hookline.replies.row import STATES
from hookline.replies.target import Target
from tests.unit.hookline.replies.rows import ACCOUNT, NOW, circumstances
from workers.reply.facts import Ours
from workers.reply.reply import MAX_CHARACTERS

OURS = Ours(frozenset({"500"}), frozenset({ACCOUNT, "2"}), frozenset({"brand", "other"}))
COMMENT = Target("comment", ACCOUNT, None, "17")
MENTION = Target("comment_mention", ACCOUNT, "18", "17")
PLAIN = Answered("Nice!", "somebody", "9", None, "18", None, False, False, None, False, False)


def earlier(**told: Any) -> Earlier:
    """An answer by a rule that was sent."""
    given = {"reply_key": "k", "rule": "thanks", "message": "Hi", "dry_run": False, "state": "sent"}
    return Earlier(**{**given, **told})


@given(st.text())
def test_any_message(given_text: str) -> None:
    """Is one that a column takes, or none."""
    try:
        message = message_of(given_text)
    except ValueError as error:
        assert given_text not in str(error) or not given_text.strip()  # noqa: PT017
    else:
        assert 0 < len(message) <= MAX_CHARACTERS
        assert "\0" not in message
        assert message_of(message) == message


@pytest.mark.parametrize("text", ["", " \n", "a" * (MAX_CHARACTERS + 1)])
def test_what_is_no_message(text: str) -> None:
    """Nothing, and more than Instagram takes."""
    with pytest.raises(ValueError, match=r"without|takes"):
        message_of(text)


@given(
    st.lists(
        st.builds(
            earlier,
            rule=st.sampled_from(["thanks", "manual"]),
            message=st.sampled_from(["Hi", "Ho"]),
            state=st.sampled_from(STATES),
        ),
        max_size=4,
    )
)
def test_the_same_order_is_never_new(known: list[Earlier]) -> None:
    """The same text by hand; what a rule says counts not."""
    same = [one for one in known if (one.rule, one.message) == ("manual", "Hi")]
    course, reply_key = plan(known, "Hi")
    assert (course == "new") == (reply_key is None) == (not same)
    if course == "again":
        assert same[0].state == "failed"


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        (replace(PLAIN, is_own=True), "ours"),
        (replace(PLAIN, from_id="2"), "ours"),
        (replace(PLAIN, username="OTHER"), "ours"),
        (replace(PLAIN, deleted_at=NOW), "deleted"),
        (replace(PLAIN, hidden=True), "hidden"),
        (replace(PLAIN, is_live=True), "live"),
    ],
)
def test_what_is_never_answered(answered: Answered, words: str) -> None:
    """By hand either."""
    assert words in (refusal(COMMENT, answered, OURS, circumstances()) or "")


def test_what_is_answered() -> None:
    """Also what is not stored, if it is no answer of ours, and the account can."""
    about = circumstances()
    assert refusal(COMMENT, PLAIN, OURS, about) is None
    assert refusal(MENTION, None, OURS, about) is None
    assert refusal(COMMENT._replace(comment_id="500"), None, OURS, about)
    assert refusal(COMMENT, PLAIN, OURS, circumstances(account_state=None))
    parked = circumstances(parked_endpoints={"comment_reply": "permission_missing"})
    assert refusal(COMMENT, PLAIN, OURS, parked)
    assert refusal(MENTION, PLAIN, OURS, parked) is None


def test_what_a_person_is_warned_of() -> None:
    """That it was answered, or may have been, or is not known."""
    about = circumstances()
    assert warnings(PLAIN, [], about) == []
    assert warnings(PLAIN, [earlier(dry_run=True, state="planned")], about) == []
    assert warnings(PLAIN, [earlier(state="failed")], about) == []
    for state in ("sent", "unknown", "planned", "sending"):
        [warning] = warnings(
            replace(PLAIN, has_own_reply=state == "sent"), [earlier(state=state)], about
        )
        assert warning.endswith(": k")
    assert len(warnings(replace(PLAIN, has_own_reply=True), [], about)) == 1
    assert len(warnings(replace(PLAIN, username=None, from_id=None), [], about)) == 1
    assert len(warnings(None, [], circumstances(blocked_until=NOW))) == 2


def test_the_new_answer() -> None:
    """To a reply it is found again below the comment at the top."""
    one = new_reply(COMMENT, replace(PLAIN, parent_id="16"), "Hi", NOW)
    assert (one.media_id, one.comment_id, one.thread_id) == ("18", "17", "16")
    assert one.person
    other = new_reply(MENTION, None, "Hi", NOW)
    assert (other.media_id, other.thread_id, other.person) == ("18", None, None)
    assert other.reply_key == f"mentions:{ACCOUNT}:18:17#manual"
    assert replace(other, number=2).reply_key == f"mentions:{ACCOUNT}:18:17#manual#2"
    assert "Hi" not in repr(one)
