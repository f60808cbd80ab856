"""Which reads an event asks for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Event, decode_event
from tests.unit.schemas.values import json_values
from tests.unit.workers.enrich.events import ACCOUNT, event_json
from workers.enrich.wanted import READ_FROM, wanted_by


def event(field: str, value: Any, account: str = ACCOUNT) -> Event:
    """The event of one change."""
    return decode_event(event_json(field, value, account))


@pytest.mark.parametrize(
    ("field", "value", "reads"),
    [
        ("comments", {"id": "17", "media": {"id": "18"}}, [("comment", "17"), ("media", "18")]),
        ("comments", {"id": "17"}, [("comment", "17")]),
        ("comments", {"comment_id": 17, "media": {"id": 18}}, [("comment", "17"), ("media", "18")]),
        (
            "comments",
            {"id": "17", "media": {"id": "19", "original_media_id": "18"}},
            [("comment", "17"), ("media", "18")],
        ),
        (
            "live_comments",
            {"id": "17", "media": {"id": "18"}},
            [("live_comment", "17"), ("media", "18")],
        ),
        ("mentions", {"media_id": "18", "comment_id": "17"}, [("mentioned_comment", "17")]),
        ("mentions", {"media_id": "18"}, [("mentioned_media", "18")]),
        ("story_insights", {"media_id": "18", "reach": 5}, [("media", "18")]),
        ("comments", {"id": "17/../me", "media": {"id": "18}"}}, []),
        ("comments", {"text": "no id"}, []),
        ("messages", {"mid": "m"}, []),
    ],
)
def test_the_reads_of_an_event(field: str, value: Any, reads: list[tuple[str, str]]) -> None:
    """Own comments by their node, mentions through the account, media beside comments."""
    assert wanted_by(event(field, value)) == reads


def test_a_dashboard_test_asks_for_nothing() -> None:
    """Its ids are Meta's inventions."""
    assert wanted_by(event("comments", {"id": "17"}, account="0")) == []


@pytest.mark.parametrize("field", sorted(READ_FROM))
def test_a_change_of_no_account_asks_for_nothing(field: str) -> None:
    """A read for nobody would wait for ever."""
    value = {"id": "17", "media_id": "18", "media": {"id": "19"}, "comment_id": "20"}
    assert wanted_by(event(field, value))
    assert wanted_by(event(field, value).model_copy(update={"account_id": None})) == []


@given(st.sampled_from([*sorted(READ_FROM), "other"]), json_values)
def test_whatever_a_value_is_only_numbers_are_asked_for(field: str, value: Any) -> None:
    """An id goes into a path and into a parenthesis: nothing else may."""
    for read in wanted_by(event(field, value)):
        assert read.object_id.isascii()
        assert read.object_id.isdecimal()
