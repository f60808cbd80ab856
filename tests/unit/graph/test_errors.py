"""What is done about every error of Meta's, in one table."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import Action, GraphError, Verdict, error_in, judge, judge_status

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)

RETRY, WAIT, FINAL = Action.RETRY, Action.WAIT, Action.FINAL
PARK_ACCOUNT, PARK_FIELD = Action.PARK_ACCOUNT, Action.PARK_FIELD
AMBIGUOUS, BUG = Action.AMBIGUOUS, Action.BUG

TABLE: list[tuple[int, int | None, Action, str]] = [
    # code, subcode, what to do, why
    (-1, None, RETRY, "graph_server_error"),
    (-1, 2207001, RETRY, "graph_server_error"),
    (-2, None, RETRY, "graph_timed_out"),
    (-2, 2207003, RETRY, "graph_timed_out"),
    (1, None, RETRY, "graph_unknown_error"),
    (2, None, RETRY, "graph_service_down"),
    (3, None, PARK_FIELD, "capability_missing"),
    (4, None, WAIT, "throttled_app"),
    (17, None, WAIT, "throttled_user"),
    (32, None, WAIT, "throttled_page"),
    (341, None, WAIT, "throttled_app"),
    (613, None, WAIT, "throttled_custom"),
    (613, 1996, WAIT, "throttled_custom"),
    (80001, None, WAIT, "throttled_page"),
    (80002, None, WAIT, "throttled_account"),
    (80002, 2446079, WAIT, "throttled_account"),
    (80006, None, WAIT, "throttled_messenger"),
    (10, None, PARK_FIELD, "permission_missing"),
    (20, 1772107, AMBIGUOUS, "done_without_answer"),
    (20, None, BUG, "graph_refused_20"),
    (24, 2207006, FINAL, "media_not_found"),
    (24, 2207008, FINAL, "media_not_found"),
    (100, 33, AMBIGUOUS, "not_found_or_no_permission"),
    (100, 2108006, FINAL, "media_before_professional_account"),
    (100, None, BUG, "graph_refused_100"),
    (100, 1349125, BUG, "graph_refused_100"),
    (102, None, PARK_ACCOUNT, "token_dead"),
    (190, None, PARK_ACCOUNT, "token_dead"),
    (190, 458, PARK_ACCOUNT, "token_app_removed"),
    (190, 459, PARK_ACCOUNT, "token_checkpoint"),
    (190, 460, PARK_ACCOUNT, "token_password_changed"),
    (190, 463, PARK_ACCOUNT, "token_expired"),
    (190, 464, PARK_ACCOUNT, "token_unconfirmed"),
    (190, 467, PARK_ACCOUNT, "token_invalid"),
    (190, 492, PARK_ACCOUNT, "token_no_page_role"),
    (190, 999, PARK_ACCOUNT, "token_dead"),
    (102, 458, PARK_ACCOUNT, "token_app_removed"),
    (102, 459, PARK_ACCOUNT, "token_checkpoint"),
    (102, 460, PARK_ACCOUNT, "token_password_changed"),
    (102, 463, PARK_ACCOUNT, "token_expired"),
    (102, 464, PARK_ACCOUNT, "token_unconfirmed"),
    (102, 467, PARK_ACCOUNT, "token_invalid"),
    (102, 492, PARK_ACCOUNT, "token_no_page_role"),
    (200, None, PARK_FIELD, "permission_missing"),
    (210, None, PARK_FIELD, "permission_missing"),
    (299, None, PARK_FIELD, "permission_missing"),
    (300, None, BUG, "graph_refused_300"),
    (368, None, WAIT, "blocked_for_abuse"),
    (506, None, AMBIGUOUS, "duplicate_post"),
    (803, None, FINAL, "not_found"),
    (2200, None, BUG, "graph_refused_2200"),
    (2500, None, BUG, "graph_refused_2500"),
    (9007, None, BUG, "graph_refused_9007"),
    (36000, None, BUG, "graph_refused_36000"),
    (36003, 2207004, BUG, "graph_refused_36003"),
    (9009, None, FINAL, "user_unavailable"),
    (123456, None, BUG, "graph_refused_123456"),
]
"""Source: https://developers.facebook.com/docs/graph-api/guides/error-handling"""

STATUSES = [200, 400, 401, 403, 404, 429]


def _error(code: int, subcode: int | None, **more: Any) -> GraphError:
    found = error_in({"error": {"code": code, "error_subcode": subcode, "message": "no", **more}})
    assert found is not None
    return found


@pytest.mark.parametrize(("code", "subcode", "action", "reason"), TABLE)
@pytest.mark.parametrize("http_status", STATUSES)
def test_every_code(
    code: int, subcode: int | None, action: Action, reason: str, http_status: int
) -> None:
    """Whatever the status says."""
    verdict = judge(_error(code, subcode), http_status)
    assert (verdict.action, verdict.reason) == (action, reason)


@pytest.mark.parametrize(
    ("code", "subcode", "pool", "wait"),
    [
        (4, None, "app", HOUR),
        (341, None, "app", HOUR),
        (17, None, "account", HOUR),
        (32, None, "account", HOUR),
        (613, None, "account", HOUR),
        (613, 1996, "account", QUARTER),
        (80001, None, "account", HOUR),
        (80002, None, "account", HOUR),
        (80006, None, "account", HOUR),
        (368, None, "account", HOUR),
    ],
)
def test_who_waits_for_how_long(code: int, subcode: int | None, pool: str, wait: timedelta) -> None:
    """Unless the headers tell; the wait for an account is nobody else's."""
    verdict = judge(_error(code, subcode), 400)
    assert (verdict.pool, verdict.wait) == (pool, wait)


@pytest.mark.parametrize(("code", "subcode", "action", "reason"), TABLE)
def test_transient_ones_are_asked_again(
    code: int, subcode: int | None, action: Action, reason: str
) -> None:
    """Whatever their code, but for throttles: those say so too, and must be waited for."""
    verdict = judge(_error(code, subcode, is_transient=True), 400)
    if action is WAIT:
        assert (verdict.action, verdict.reason) == (WAIT, reason)
    else:
        assert verdict == Verdict(RETRY, "graph_transient")


@pytest.mark.parametrize("member", ["message", "error_user_title", "error_user_msg"])
def test_too_few_viewers_are_no_missing_permission(member: str) -> None:
    """Code 10 means both: the text decides."""
    text = "(#10) Not enough viewers for the media to show insights"
    assert judge(_error(10, None, **{member: text}), 400) == Verdict(FINAL, "not_enough_viewers")
    assert judge(_error(100, None, **{member: text}), 400).action is BUG


@pytest.mark.parametrize(
    "text",
    [
        "Invalid appsecret_proof provided in the API argument",
        "API calls from the server require an appsecret_proof argument",
    ],
)
def test_a_wrong_app_secret_is_no_wrong_call(text: str) -> None:
    """With the right one the same call is answered: until then nobody calls for the account."""
    verdict = judge(_error(100, None, message=text, type="GraphMethodException"), 400)
    assert verdict == Verdict(WAIT, "app_secret_wrong", "account", QUARTER, is_ours=True)
    assert not verdict.passes


@pytest.mark.parametrize("http_status", [500, 502, 503])
def test_codes_that_nobody_knows_are_the_servers_fault_if_the_status_says_so(
    http_status: int,
) -> None:
    """Those that blame the call are not."""
    assert judge(_error(123456, None), http_status) == Verdict(RETRY, "graph_server_error")
    for code in (20, 100, 2200, 2500):
        assert judge(_error(code, None), http_status).action is BUG
    assert judge(_error(190, 463), http_status).action is PARK_ACCOUNT


@pytest.mark.parametrize(
    ("http_status", "action"),
    [(500, RETRY), (502, RETRY), (503, RETRY), (302, RETRY), (400, RETRY), (404, RETRY),
     (429, WAIT)],
)  # fmt: skip
def test_answers_without_an_error_object(http_status: int, action: Action) -> None:
    """A proxy's page says nothing about a comment."""
    assert judge_status(http_status).action is action


@given(st.integers(-(10**9) + 1, 10**9 - 1), st.none() | st.integers(0, 10**8), st.booleans())
def test_every_error_has_a_verdict(code: int, subcode: int | None, transient: bool) -> None:
    """With a slug for its reason; a pool and a time exactly where one waits."""
    verdict = judge(_error(code, subcode, is_transient=transient), 400)
    assert verdict.reason.replace("_", "").replace("-", "").isalnum()
    assert (verdict.action is WAIT) == (verdict.pool is not None) == (verdict.wait is not None)
    assert verdict.passes == (verdict.action in (RETRY, WAIT))


@given(st.integers(-(10**9) + 1, 10**9 - 1))
def test_codes_as_text_are_codes(code: int) -> None:
    """Some answers have them so."""
    found = error_in({"error": {"code": str(code), "error_subcode": "33"}})
    assert found == GraphError(code, 33)


@pytest.mark.parametrize(
    "document",
    [None, True, [], "error", {}, {"error": None}, {"error": "no"}, {"error": {}},
     {"error": {"code": None}}, {"error": {"code": True}}, {"error": {"code": 1.5}},
     {"error": {"code": "1x"}}, {"error": {"code": 10**12}}, {"error": {"code": "٣"}},
     {"error": [{"code": 1}]}],
)  # fmt: skip
def test_what_is_no_error_object(document: object) -> None:
    """Without a code there is nothing to decide on."""
    assert error_in(document) is None


def test_members_of_odd_types_are_left_out() -> None:
    """The code counts all the same."""
    odd = {"code": 1, "error_subcode": {}, "is_transient": "yes", "message": 5, "fbtrace_id": "<>"}
    assert error_in({"error": odd}) == GraphError(1)


def test_an_error_does_not_show_its_text() -> None:
    """Meta quotes tokens in it: `Malformed access token …`."""
    error = _error(190, None, message="Malformed access token EAAB", fbtrace_id="AbC_-1")
    assert "EAAB" not in repr(error)
    assert error.trace_id == "AbC_-1"
