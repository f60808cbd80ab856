"""Which media a comment's answer leads to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from graph.answers import Answer
from graph.errors import ABSENT
from schemas.enriched import Endpoint
from tests.unit.schemas.values import json_values
from tests.unit.workers.enrich.events import ACCOUNT, comment_task
from workers.enrich.follow import media_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ALBUM = {"id": "19", "media_type": "CAROUSEL_ALBUM"}
POST = {"id": "19", "media_type": "IMAGE"}
NAMED = {"id": "17", "media": {"id": "18"}}
UNNAMED = {"id": "17"}


def led_to(value: dict[str, Any], media: Any, endpoint: Endpoint = "comment") -> list[str]:
    """The media that are read because a comment's answer tells this."""
    answer = Answer(200, object={"id": "17", "media": media})
    tasks = media_of(comment_task(value, endpoint), answer, NOW, DAY)
    assert {task[:2] for task in tasks} <= {(ACCOUNT, "media")}
    assert {(task.priority, task.known_since) for task in tasks} <= {(2, NOW - DAY)}
    return [task.object_id for task in tasks]


@pytest.mark.parametrize("endpoint", ["comment", "live_comment"])
@pytest.mark.parametrize(
    ("value", "media", "read"),
    [
        (NAMED, ALBUM, ["19"]),
        (NAMED, POST, []),
        (NAMED, {"id": "18"}, []),
        (UNNAMED, ALBUM, ["19"]),
        (UNNAMED, POST, ["19"]),
        (UNNAMED, {"id": 19}, ["19"]),
        (UNNAMED, {}, []),
        (UNNAMED, None, []),
        (UNNAMED, {"id": "19/comments"}, []),
        ({"id": "17", "media": {"id": "none"}}, POST, ["19"]),
    ],
)
def test_what_the_webhook_did_not_name_is_read(
    endpoint: Endpoint, value: dict[str, Any], media: Any, read: list[str]
) -> None:
    """An album never is named; other media is, but for some webhooks."""
    assert led_to(value, media, endpoint) == read


@given(json_values)
def test_whatever_an_answer_tells_only_numbers_are_asked_for(media: Any) -> None:
    """Once at most."""
    assert all(read.isascii() and read.isdecimal() for read in led_to(UNNAMED, media))
    assert len(led_to(UNNAMED, media)) <= 1


def test_other_answers_lead_nowhere() -> None:
    """Those without an object, and those of media and mentions."""
    task = comment_task(UNNAMED)
    assert media_of(task, Answer(400, verdict=ABSENT), NOW, DAY) == []
    answer = Answer(200, object={"media": POST})
    assert media_of(task._replace(endpoint="mentioned_comment"), answer, NOW, DAY) == []
