"""What answers mean, single and in batches."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from graph.answers import Answer, answer_to, answer_to_write, answers_to
from graph.errors import (
    ABSENT,
    BATCH_REFUSED,
    NOT_DONE,
    SERVER_ERROR,
    UNFINISHED,
    UNREADABLE,
    Action,
    GraphError,
)
from graph.requests import accounts_page, comment, debug_token, mentioned_comment
from graph.usage import Usage

NO_HEADERS: Mapping[str, str] = CIMultiDict()
COMMENT = comment("179")
EXPIRED = {"error": {"code": 190, "error_subcode": 463, "message": "Session has expired"}}

documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "code", "body", "headers", "name", "value", "paging",
                             "cursors", "next", "after", "data", "mentioned_comment"]),
            inner, max_size=5,
        )
    ),
)  # fmt: skip


def _headers(**told: str) -> Mapping[str, str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in told.items()})


def _item(document: Any, code: int = 200, **headers: str) -> dict[str, Any]:
    listed = [{"name": name.replace("_", "-"), "value": headers[name]} for name in headers]
    return {"code": code, "headers": listed, "body": orjson.dumps(document).decode()}


def _batch(*items: Any, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> list[Answer]:
    return answers_to([COMMENT] * len(items), status, headers, orjson.dumps(items))


def test_an_object() -> None:
    """With what its headers tell, written in any case."""
    headers = _headers(Facebook_API_Version="v25.0", X_App_Usage='{"call_count":7}')
    answer = answer_to(COMMENT, 200, headers, b'{"id":"179","text":"hello"}')
    assert answer.object == {"id": "179", "text": "hello"}
    assert (answer.verdict, answer.error, answer.after) == (None, None, None)
    assert answer.api_version == "v25.0"
    assert answer.usage == Usage(app_percent=7.0)
    assert "hello" not in repr(answer)


def test_a_mention_is_a_member_of_the_account() -> None:
    """As on the platform's page; without it, the comment is not there or not for us."""
    request = mentioned_comment("17841405309211844", "17873440459141021")
    body = (
        b'{"mentioned_comment":{"timestamp":"2017-05-03T16:09:08+0000","like_count":185,'
        b'"text":"Shout out to @metricsaurus","id":"17873440459141021"},"id":"17841405309211844"}'
    )
    found = answer_to(request, 200, NO_HEADERS, body)
    assert found.object is not None
    assert found.object["like_count"] == 185
    assert answer_to(request, 200, NO_HEADERS, b'{"id":"17841405309211844"}').verdict == ABSENT


def test_what_is_known_of_a_token() -> None:
    """Is a member, too."""
    body = b'{"data":{"is_valid":true,"app_id":"1"}}'
    assert answer_to(debug_token("EAA"), 200, NO_HEADERS, body).object == {
        "is_valid": True,
        "app_id": "1",
    }


@pytest.mark.parametrize("status", [200, 400, 403, 429, 500])
def test_the_code_decides(status: int) -> None:
    """Not the status."""
    answer = answer_to(COMMENT, status, NO_HEADERS, orjson.dumps(EXPIRED))
    assert answer.error == GraphError(190, 463, text="Session has expired")
    assert answer.verdict is not None
    assert (answer.verdict.action, answer.verdict.reason) == ("park_account", "token_expired")


@pytest.mark.parametrize("body", [b"", b"<html>", b"false", b"[]", b'"x"', b'{"id":', b"\xff"])
def test_what_is_no_object_is_asked_for_again(body: bytes) -> None:
    """Something in between has answered."""
    assert answer_to(COMMENT, 200, NO_HEADERS, body).verdict == UNREADABLE
    assert answer_to(COMMENT, 404, NO_HEADERS, body).verdict == UNREADABLE
    assert answer_to(COMMENT, 502, NO_HEADERS, body).verdict == SERVER_ERROR
    assert answers_to([COMMENT] * 2, 502, NO_HEADERS, body)[1].verdict == SERVER_ERROR


def test_an_object_with_an_error_status_is_none() -> None:
    """An answer of 500 that looks well is not believed."""
    assert answer_to(COMMENT, 500, NO_HEADERS, b'{"id":"179"}').object is None


@pytest.mark.parametrize("error", ["a text", None, {}, {"code": "x", "message": "a text"}])
def test_an_error_that_is_not_as_documented_is_no_object(error: Any) -> None:
    """It is asked for again, and what it says is not kept."""
    body = orjson.dumps({"error": error, "id": "179"})
    assert answer_to(COMMENT, 200, NO_HEADERS, body) == Answer(200, verdict=UNREADABLE)


def test_pages_go_on_by_cursor() -> None:
    """While there is a next one: the last page has a cursor as well."""
    page = accounts_page()
    paging: dict[str, Any] = {"cursors": {"before": "MQ", "after": "Mg"}}
    last = orjson.dumps({"data": [], "paging": paging})
    paging["next"] = "https://graph.facebook.com/v19.0/me/accounts?access_token=EAA&after=Mg"
    more = orjson.dumps({"data": [], "paging": paging})
    assert answer_to(page, 200, NO_HEADERS, more).after == "Mg"
    assert answer_to(page, 200, NO_HEADERS, last).after is None


def test_items_of_a_batch_fail_each_on_its_own() -> None:
    """In the order of the requests."""
    ok, gone, dead, slow, broken = _batch(
        _item({"id": "1"}),
        _item({"error": {"code": 100, "error_subcode": 33}}, 400),
        _item(EXPIRED, 400),
        None,
        {"code": 200, "body": "<html>"},
    )
    assert ok.object == {"id": "1"}
    assert gone.verdict == ABSENT
    assert dead.verdict is not None
    assert dead.verdict.action is Action.PARK_ACCOUNT
    assert slow.verdict == UNFINISHED
    assert broken.verdict == UNREADABLE
    assert [gone.http_status, dead.http_status] == [400, 400]


def test_a_batch_that_ended_early() -> None:
    """What is not there is asked for again."""
    answers = answers_to([COMMENT] * 3, 200, NO_HEADERS, orjson.dumps([_item({"id": "1"})]))
    assert [answer.verdict for answer in answers] == [None, UNFINISHED, UNFINISHED]


@pytest.mark.parametrize(
    "body", [EXPIRED, {"error": {"code": 4, "is_transient": True}}, {"id": "179"}, "no", None]
)
def test_a_batch_that_is_refused_as_a_whole(body: Any) -> None:
    """All have that answer, and none an object."""
    answers = answers_to([COMMENT] * 2, 200, NO_HEADERS, orjson.dumps(body))
    assert answers[0] == answers[1]
    assert answers[0].object is None
    assert answers[0].verdict is not None


@given(
    st.sampled_from([1, 2, 3, 10, 24, 100, 200, 803, 2500, 9009, 77]),
    st.sampled_from([None, 33]),
    st.sampled_from([200, 400, 500]),
)
def test_the_refusal_of_a_batch_says_nothing_about_its_items(
    code: int, subcode: int | None, status: int
) -> None:
    """But for what is about all of them. Each by itself may have an answer of its own."""
    body = orjson.dumps({"error": {"code": code, "error_subcode": subcode}})
    headers = _headers(x_app_usage='{"call_count":7}')
    for answer in answers_to([COMMENT] * 2, status, headers, body):
        assert answer.verdict == BATCH_REFUSED
        assert answer.error == GraphError(code, subcode)
        assert answer.usage == Usage(app_percent=7.0)


def test_a_batch_tells_of_limits_in_two_places() -> None:
    """The greater counts. Versions likewise are the item's own, else the batch's."""
    business = '{"1":[{"call_count":%s,"estimated_time_to_regain_access":3}]}'
    first, second = _batch(
        _item({"id": "1"}, facebook_api_version="v24.0"),
        _item({"id": "2"}, X_Business_Use_Case_Usage=business % 60),
        headers=_headers(
            facebook_api_version="v25.0", x_business_use_case_usage=business % 50,
            x_app_usage='{"call_count":2}',
        ),
    )  # fmt: skip
    assert (first.api_version, second.api_version) == ("v24.0", "v25.0")
    minutes = timedelta(minutes=3)
    assert first.usage == Usage(app_percent=2.0, account_percent=50.0, regain=minutes)
    assert second.usage == Usage(app_percent=2.0, account_percent=60.0, regain=minutes)


@pytest.mark.parametrize("told", ["", "v", "25.0", "v25.0\0", "v25.0 ", "v" * 99, "v٢.0", "\udc80"])
def test_what_is_no_version_is_not_told(told: str) -> None:
    """It would go into the log and into a column, which takes no NUL, from headers or an item."""
    assert answer_to(COMMENT, 200, _headers(facebook_api_version=told), b"{}").api_version is None
    item = _item({"id": "1"}) | {"headers": [{"name": "facebook-api-version", "value": told}]}
    encoded = json.dumps([item]).encode()
    assert answers_to([COMMENT], 200, NO_HEADERS, encoded)[0].api_version is None


@pytest.mark.parametrize("code", [-1, 0, 99, 600, 2**15, 2**70, "200", None, True])
def test_an_item_with_no_status_is_asked_for_again(code: Any) -> None:
    """Whatever it holds: the status goes into a column of two bytes."""
    item = _item({"id": "1"}) | {"code": code}
    (answer,) = answers_to([COMMENT], 200, NO_HEADERS, json.dumps([item]).encode())
    assert answer.verdict == UNREADABLE


@given(documents, st.sampled_from([200, 204, 302, 400, 500]))
def test_any_answer_has_an_object_or_a_verdict(document: Any, status: int) -> None:
    """Never both, never neither; and nothing raises."""
    body = orjson.dumps(document)
    batch = answers_to([COMMENT] * 3, status, NO_HEADERS, body)
    assert len(batch) == 3
    for request in (COMMENT, mentioned_comment("1", "2")):
        for answer in [answer_to(request, status, NO_HEADERS, body), *batch]:
            assert (answer.object is None) != (answer.verdict is None)


@given(st.binary(), st.lists(st.binary(), max_size=4))
def test_any_bytes(body: bytes, items: list[bytes]) -> None:
    """Likewise, also inside of a batch."""
    listed = [{"code": 200, "body": item.decode("latin-1")} for item in items]
    answers = answers_to([COMMENT] * len(items), 200, NO_HEADERS, orjson.dumps(listed))
    for answer in [answer_to(COMMENT, 200, NO_HEADERS, body), *answers]:
        assert (answer.object is None) != (answer.verdict is None)


def _written(document: Any, status: int = 200) -> Answer:
    return answer_to_write(status, NO_HEADERS, orjson.dumps(document))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"id": "179"}, {"id": "179"}),
        ({"success": True}, {"success": True}),
        ({"success": "true"}, {"success": "true"}),
        (True, {"success": True}),
        ("true", {"success": "true"}),
    ],
)
def test_a_write_that_was_done(document: Any, told: dict[str, Any]) -> None:
    """Meta tells it in several ways."""
    answer = _written(document)
    assert (answer.object, answer.verdict) == (told, None)


@pytest.mark.parametrize("document", [{"success": False}, False])
def test_a_write_that_was_not_done(document: Any) -> None:
    """In an answer of 200."""
    assert _written(document).verdict == NOT_DONE


@pytest.mark.parametrize("document", [None, [], {}, 1.5, "false", {"id": None}, {"success": None}])
def test_a_write_of_which_nothing_is_told(document: Any) -> None:
    """It may have been done."""
    assert _written(document).verdict == UNREADABLE


@pytest.mark.parametrize("original", [{"id": "179"}, '{"id": "179"}'])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_write_that_was_done_and_not_read_again(original: Any, status: int) -> None:
    """Meta's error is about the reading after it."""
    error = {"code": 100, "error_subcode": 33, "original_response": original}
    answer = _written({"error": error}, status)
    assert (answer.object, answer.verdict) == ({"id": "179"}, None)


@pytest.mark.parametrize("original", [{}, [], "", 1])
def test_a_write_that_was_done_in_some_way(original: Any) -> None:
    """Whatever the error seems to say, it was."""
    error = {"code": 10, "original_response": original}
    assert _written({"error": error}, 400).verdict == UNREADABLE


def test_writes_that_are_refused_for_abuse_shut_no_pool() -> None:
    """Reads go on; a read that is refused so shuts its account's."""
    body = orjson.dumps({"error": {"code": 368, "message": "no"}})
    refused = answer_to_write(400, NO_HEADERS, body).verdict
    read = answer_to(COMMENT, 400, NO_HEADERS, body).verdict
    assert refused is not None
    assert read is not None
    assert (refused.action, refused.reason) == (Action.WAIT, "blocked_for_abuse")
    assert (refused.pool, read.pool) == (None, "account")


@given(documents, st.integers(100, 599))
def test_a_write_is_done_or_has_a_verdict(document: Any, status: int) -> None:
    """Whatever is answered."""
    answer = _written(document, status)
    assert (answer.object is None) != (answer.verdict is None)
    if answer.object is not None:
        assert 200 <= status <= 299
