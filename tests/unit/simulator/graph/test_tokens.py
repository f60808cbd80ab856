"""Tokens: given out by seed, checked, exchanged, ended."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.directory import Directory
from simulator.graph.errors import RefusalError
from simulator.graph.options import GraphOptions
from simulator.graph.tokens import LONG_LIFE_S, SHORT_LIFE_S, Tokens

OPTIONS = GraphOptions(seed=4, app_id="42", app_secret="hush", accounts=4, users=2)
NOW_S = 1_795_000_000.0
APP_TOKEN = "42|hush"


@pytest.fixture
def tokens() -> Tokens:
    """Tokens of two users with two accounts each."""
    return Tokens(OPTIONS, Directory(OPTIONS), NOW_S)


def refusal(tokens: Tokens, value: str | None, proof: str | None, now_s: float) -> str:
    """Code and subcode of what is wrong with a token."""
    with pytest.raises(RefusalError) as caught:
        tokens.checked(value, proof, now_s)
    return caught.value.name


def test_tokens_come_from_the_seed(tokens: Tokens) -> None:
    """The same again, others for another seed, and never one twice."""
    again = Tokens(OPTIONS, Directory(OPTIONS), NOW_S + 5)
    assert tokens.user_token(0) == again.user_token(0)
    other = GraphOptions(seed=5, users=2)
    assert tokens.user_token(0) != Tokens(other, Directory(other), NOW_S).user_token(0)
    pages = Directory(OPTIONS).pages.values()
    given = [tokens.page_token(page) for page in pages]
    given += [tokens.user_token(user, long_lived=long) for user in (0, 1) for long in (True, False)]
    given += [tokens.system_token(user) for user in (0, 1)]
    assert len(set(given)) == len(given) == len(pages) + 6


def test_a_user_reaches_their_accounts(tokens: Tokens) -> None:
    """In turn; a Page's token that of the Page; the app's none."""
    first = tokens.checked(tokens.user_token(0), None, NOW_S)
    second = tokens.checked(tokens.user_token(1), None, NOW_S)
    assert list(tokens.accounts(first)) == ["17841400000000001", "17841400000000003"]
    assert list(tokens.accounts(second)) == ["17841400000000002", "17841400000000004"]
    page = tokens.accounts(first)["17841400000000003"]
    of_page = tokens.checked(tokens.page_token(page), None, NOW_S)
    assert list(tokens.accounts(of_page)) == ["17841400000000003"]
    assert not tokens.accounts(tokens.checked(APP_TOKEN, None, NOW_S))


def test_dead_tokens_are_190(tokens: Tokens) -> None:
    """With a subcode that says why; a missing one is 104."""
    assert refusal(tokens, None, None, NOW_S) == "104"
    assert refusal(tokens, "EAAnonsense", None, NOW_S) == "190"
    assert refusal(tokens, "42|wrong", None, NOW_S) == "190"
    assert refusal(tokens, tokens.user_token(0), None, NOW_S + SHORT_LIFE_S) == "190/463"


@given(st.sampled_from([458, 459, 460, 463, 464, 467, 492]))
def test_a_user_whose_tokens_end_logs_in_again(subcode: int) -> None:
    """All of theirs end, the Pages' too, with that subcode; the new ones are other ones."""
    tokens = Tokens(OPTIONS, Directory(OPTIONS), NOW_S)
    page = next(iter(Directory(OPTIONS).pages.values()))
    old = [tokens.user_token(0), tokens.user_token(0, long_lived=True), tokens.page_token(page)]
    tokens.end(0, subcode, NOW_S)
    assert {refusal(tokens, value, None, NOW_S) for value in old} == {f"190/{subcode}"}
    assert tokens.checked(tokens.user_token(0), None, NOW_S).value not in old
    assert tokens.checked(tokens.user_token(1), None, NOW_S).dead is None
    assert tokens.debugged(old[0], NOW_S)["error"]["subcode"] == subcode


def test_an_exchange_gives_60_days(tokens: Tokens) -> None:
    """For a living user token and the app's own secret only."""
    short = tokens.user_token(0)
    later = NOW_S + SHORT_LIFE_S - 1
    long_lived = tokens.exchange("42", "hush", short, later)
    assert long_lived.expires_s == later + LONG_LIFE_S
    assert tokens.checked(long_lived.value, None, later + LONG_LIFE_S - 1).value != short
    for arguments, code in (
        (("42", "wrong", short, later), "1"),
        (("42", "hush", short, later + 1), "190/463"),
        (("42", "hush", "EAAnonsense", later), "190"),
        (("42", "hush", tokens.system_token(0), later), "190"),
    ):
        with pytest.raises(RefusalError) as caught:
            tokens.exchange(*arguments)
        assert caught.value.name == code


def test_a_proof_is_of_the_token_and_the_secret(tokens: Tokens) -> None:
    """A wrong one is refused with 100, none only where the app asks for it."""
    value = tokens.user_token(0)
    right = hmac.digest(b"hush", value.encode(), "sha256").hex()
    assert tokens.checked(value, right, NOW_S).value == value
    other = hmac.digest(b"hush", APP_TOKEN.encode(), "sha256").hex()
    for wrong in (other, "", "é", "\udc80", right.upper()):
        assert refusal(tokens, value, wrong, NOW_S) == "100"
    strict = GraphOptions(seed=4, require_proof=True)
    asking = Tokens(strict, Directory(strict), NOW_S)
    assert refusal(asking, asking.user_token(0), None, NOW_S) == "100"


def test_debug_token_tells_what_a_token_is(tokens: Tokens) -> None:
    """App, kind, ends and scopes; of an unknown one that it is none."""
    told = tokens.debugged(tokens.user_token(1), NOW_S)
    assert (told["app_id"], told["type"], told["is_valid"]) == ("42", "USER", True)
    assert told["expires_at"] == NOW_S + SHORT_LIFE_S
    assert told["scopes"] == list(OPTIONS.scopes)
    by_scope = {one["scope"]: one["target_ids"] for one in told["granular_scopes"]}
    assert by_scope["instagram_basic"] == ["17841400000000002", "17841400000000004"]
    assert tokens.debugged(tokens.system_token(0), NOW_S)["expires_at"] == 0
    assert tokens.debugged(APP_TOKEN, NOW_S)["type"] == "APP"
    assert tokens.debugged("?", NOW_S) == {
        "is_valid": False,
        "scopes": [],
        "error": {"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"},
    }


def test_no_token_is_shown(tokens: Tokens) -> None:
    """Values and secrets are in no representation."""
    value = tokens.user_token(0)
    assert value not in repr(tokens.look_up(value))
    assert "hush" not in repr(OPTIONS)
