"""What may be answered, and what is known of it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enriched import Enriched
from tests.unit.schemas.values import json_values, untimed
from tests.unit.workers.reply.factories import ACCOUNT, NOBODY, NOW, enriched
from workers.reply.facts import Facts, facts_of, is_lost, person
from workers.reply.lookup import plain

COMMENT = {
    "id": "179",
    "text": "Nice!",
    "from": {"id": "90", "username": "Ann"},
    "media": {"id": "18", "media_product_type": "FEED"},
}
MENTION = {"media_id": "18", "comment_id": "179"}
CAPTION = {"media_id": "18"}


def _facts(one: Enriched) -> Facts:
    found = facts_of(one, NOBODY)
    assert found is not None
    return found


def test_a_comment() -> None:
    """Its text and its author are the webhook's."""
    found = _facts(enriched("comments", COMMENT, {"timestamp": "2026-11-23T11:00:00+0000"}))
    assert found == Facts(
        event_id=f"comments:{ACCOUNT}:179",
        account_id=ACCOUNT,
        kind="comment",
        media_id="18",
        comment_id="179",
        thread_id="179",
        text="Nice!",
        username="Ann",
        person=person("ann", None),
        at=NOW - timedelta(hours=1),
        received_at=NOW,
        account_name="brand",
    )
    assert "Nice" not in repr(found)
    assert "Ann" not in repr(found)


def test_a_mention() -> None:
    """All that is known was read."""
    answer = {"id": "179", "text": "Look, brand", "username": "ann"}
    found = _facts(enriched("mentions", MENTION, answer, endpoint="mentioned_comment"))
    assert (found.kind, found.media_id, found.comment_id) == ("comment_mention", "18", "179")
    assert (found.text, found.username, found.thread_id) == ("Look, brand", "ann", None)
    caption = {"id": "18", "caption": "With brand", "username": "ann"}
    found = _facts(enriched("mentions", CAPTION, caption, endpoint="mentioned_media"))
    assert (found.kind, found.media_id, found.comment_id) == ("caption_mention", "18", None)
    assert found.text == "With brand"


def test_a_reply_is_found_again_below_the_comment_at_the_top() -> None:
    """The webhook tells it, or the Graph API."""
    assert _facts(enriched("comments", {**COMMENT, "parent_id": "170"})).thread_id == "170"
    assert _facts(enriched("comments", COMMENT, {"parent_id": "171"})).thread_id == "171"


@pytest.mark.parametrize("status", ["unreadable", "partial", "skipped"])
def test_a_comment_that_cannot_be_read_may_be_answered(status: str) -> None:
    """Those on ads cannot; their texts are known. A mention that cannot be read is unknown."""
    assert facts_of(enriched("comments", COMMENT, status=status), NOBODY) is not None
    unread = enriched("mentions", MENTION, endpoint="mentioned_comment", status="unreadable")
    assert facts_of(unread, NOBODY) is None
    assert is_lost(unread)


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ({"from": {"id": ACCOUNT, "username": "x"}}, None),
        ({"from": {"id": "9", "self_ig_scoped_id": "8"}}, None),
        ({"from": {"id": "9", "username": "BRAND"}}, None),
        ({"from": None}, {"from": {"id": ACCOUNT}}),
        ({"from": None}, {"username": "Brand"}),
        ({"id": "555"}, None),
        ({"from": None}, None),
        ({"from": {"id": None}}, {"from": None}),
        ({}, {"hidden": True}),
        ({"media": {"id": "18", "media_product_type": "LIVE"}}, None),
        ({}, {"media": {"media_product_type": "LIVE"}}),
        ({"id": "me/feed"}, None),
    ],
)
def test_what_is_never_answered(value: dict[str, Any], answer: dict[str, Any] | None) -> None:
    """Our own, and what Meta refuses."""
    ours = NOBODY._replace(reply_ids=frozenset({"555"}))
    assert facts_of(enriched("comments", COMMENT | value, answer), ours) is None


@pytest.mark.parametrize("status", ["pending", "parked"])
def test_what_may_still_be_read_is_not_decided(status: str) -> None:
    """Its reading is told once more."""
    assert facts_of(enriched("comments", COMMENT, status=status), NOBODY) is None


@pytest.mark.parametrize(
    "media",
    [{"ad_id": "1"}, {"original_media_id": "2"}, {"media_product_type": "AD"}],
)
def test_what_stands_on_an_ad_is_not_waited_for(media: dict[str, str]) -> None:
    """Mostly it cannot be read, which is certain a day later. A parked account cannot answer."""
    on_ad = COMMENT | {"media": {"id": "18", **media}}
    assert facts_of(enriched("comments", on_ad, status="pending"), NOBODY) is not None
    assert facts_of(enriched("comments", on_ad, status="parked"), NOBODY) is None


def test_an_answer_whose_id_is_not_known_yet_is_ours() -> None:
    """It comes back as a mention, without an author: by its media and its text, without its `@`."""
    answer = {"id": "179", "text": "Thank you, ann "}
    told = enriched("mentions", MENTION, answer, endpoint="mentioned_comment")
    unsettled = NOBODY._replace(unsettled=frozenset({("18", plain("Thank you, @ann"))}))
    assert facts_of(told, unsettled) is None
    assert facts_of(told, NOBODY) is not None
    elsewhere = NOBODY._replace(unsettled=frozenset({("19", plain("Thank you, @ann"))}))
    assert facts_of(told, elsewhere) is not None
    by_somebody = enriched(
        "mentions", MENTION, {**answer, "username": "ann"}, endpoint="mentioned_comment"
    )
    assert facts_of(by_somebody, unsettled) is not None


def test_an_answer_that_comes_back_with_an_id_alone_is_ours() -> None:
    """One account of ours knows another by an id that tells us nothing."""
    said = {**COMMENT, "text": "Thank you, @ann", "from": {"id": "9"}}
    unsettled = NOBODY._replace(unsettled=frozenset({("18", plain("Thank you, @ann"))}))
    assert facts_of(enriched("comments", said, status="unreadable"), unsettled) is None
    assert facts_of(enriched("comments", said, status="unreadable"), NOBODY) is not None
    assert facts_of(enriched("comments", said, {"username": "ann"}), unsettled) is not None


def test_other_reads_of_an_event_decide_nothing() -> None:
    """Of its media, of a live comment; a press of the test button has none."""
    assert facts_of(enriched("comments", COMMENT, endpoint="media"), NOBODY) is None
    assert facts_of(enriched("live_comments", COMMENT, endpoint="live_comment"), NOBODY) is None
    assert facts_of(enriched("comments", COMMENT, account="0"), NOBODY) is None


def test_what_others_brought_is_answered_when_that_was_said() -> None:
    """A replay, or whoever finds what Meta did not send."""
    replayed = enriched("comments", COMMENT, source="replay")
    assert facts_of(replayed, NOBODY) is None
    assert facts_of(replayed, NOBODY, to_replayed=True) is not None


@untimed
@given(json_values, st.dictionaries(st.sampled_from([*COMMENT, "timestamp"]), json_values))
def test_whatever_is_told_makes_facts_that_can_be_called_for(
    value: Any, answer: dict[str, Any]
) -> None:
    """Ids are numbers, and nothing is later than it was received."""
    told = {**COMMENT, **value} if isinstance(value, dict) else value
    found = facts_of(enriched("comments", told, answer), NOBODY)
    if found is not None:
        assert (found.comment_id or "").isdecimal()
        assert found.at <= NOW


@given(st.text(min_size=1), st.text())
def test_a_person_is_one_by_name(username: str, author_id: str) -> None:
    """However it is written, and whatever id it comes with."""
    assert person(username, author_id) == person(username.casefold(), None)
    assert person(None, author_id) == (person(author_id, None) if author_id else None)
