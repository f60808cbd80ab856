"""The handshake echoes a challenge to whoever knows the token, and nothing else to anybody."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.handshake import Refusal, answer_handshake

TOKEN = "a token"
QUERY = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}


def refusal(query: dict[str, str], token: str = TOKEN) -> tuple[int, str]:
    """Status and slug of a refused handshake."""
    answer = answer_handshake(query, token.encode())
    assert isinstance(answer, Refusal)
    assert answer.message
    return answer.status, answer.reason


def test_the_challenge_is_echoed() -> None:
    """As it came, as text."""
    assert answer_handshake(QUERY, TOKEN.encode()) == "1158201444"


@given(st.from_regex(r"[A-Za-z0-9._-]{1,256}", fullmatch=True))
@example("x")
@example("._-" + "9" * 253)
def test_every_sane_challenge_is_echoed(challenge: str) -> None:
    """Meta's pages call it an integer and a random string."""
    assert answer_handshake(QUERY | {"hub.challenge": challenge}, TOKEN.encode()) == challenge


@pytest.mark.parametrize(
    "challenge",
    ["", "x" * 257, "a b", "<b>", "é", "1\n", "\n1", "%3C", "a/b", "a+b", "٣", "1\0", "\ud800"],
)
def test_other_challenges_are_refused(challenge: str) -> None:
    """An echo of anything would be an open door for scripts."""
    assert refusal(QUERY | {"hub.challenge": challenge}) == (400, "handshake_challenge")


def test_a_missing_challenge_is_refused() -> None:
    """There is nothing to echo."""
    query = {name: value for name, value in QUERY.items() if name != "hub.challenge"}
    assert refusal(query) == (400, "handshake_challenge")


@pytest.mark.parametrize("mode", ["", "unsubscribe", "Subscribe", "subscribe ", None])
def test_another_mode_is_refused(mode: str | None) -> None:
    """It is documented as always `subscribe`."""
    query = {name: value for name, value in QUERY.items() if name != "hub.mode"}
    if mode is not None:
        query["hub.mode"] = mode
    assert refusal(query) == (403, "handshake_mode")


@pytest.mark.parametrize("token", ["", "A token", "a token ", "a toke", "é", "\ud800", None])
def test_another_token_is_refused(token: str | None) -> None:
    """403, as Meta's own sample server answers."""
    query = {name: value for name, value in QUERY.items() if name != "hub.verify_token"}
    if token is not None:
        query["hub.verify_token"] = token
    assert refusal(query) == (403, "handshake_token")


def test_a_token_may_be_any_text() -> None:
    """It is compared as UTF-8."""
    query = QUERY | {"hub.verify_token": "é😀"}
    assert answer_handshake(query, "é😀".encode()) == "1158201444"


@pytest.mark.parametrize("name", ["hub.mode", "hub.verify_token"])
def test_the_challenge_is_looked_at_last(name: str) -> None:
    """Who does not know the token learns nothing about challenges."""
    assert refusal(QUERY | {name: "x", "hub.challenge": "<"})[0] == 403


texts = st.one_of(st.text(), st.sampled_from([*QUERY.values(), "<script>"]))


@given(st.dictionaries(st.sampled_from([*QUERY, "other"]), texts))
def test_any_query_is_echoed_or_refused(query: dict[str, str]) -> None:
    """Nothing but a sane challenge, and only for the token."""
    answer = answer_handshake(query, TOKEN.encode())
    if isinstance(answer, Refusal):
        assert answer.status in {400, 403}
    else:
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,256}", answer)
        assert query["hub.verify_token"] == TOKEN
        assert query["hub.mode"] == "subscribe"
