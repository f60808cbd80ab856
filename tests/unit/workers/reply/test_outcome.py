"""What became of an answer: only what was certainly not done is sent again."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from graph.answers import answer_to_write
from graph.errors import GraphUnavailableError
from tests.unit.workers.reply.factories import NOW, reply
from workers.reply.outcome import BLOCK_MAX, Settlement, after_answer, after_silence
from workers.reply.reply import Kind, State

KINDS: list[Kind] = ["comment", "comment_mention", "caption_mention"]

TABLE: list[tuple[int, int | None, State]] = [
    (-2, None, "unknown"),
    (-1, None, "unknown"),
    (1, None, "unknown"),
    (2, None, "unknown"),
    (3, None, "planned"),
    (4, None, "planned"),
    (10, None, "planned"),
    (17, None, "planned"),
    (20, 1772107, "unknown"),
    (20, None, "unknown"),
    (24, None, "failed"),
    (32, None, "planned"),
    (100, 33, "failed"),
    (100, None, "failed"),
    (102, None, "planned"),
    (190, 463, "planned"),
    (200, None, "planned"),
    (341, None, "planned"),
    (368, None, "planned"),
    (506, None, "unknown"),
    (613, None, "planned"),
    (803, None, "failed"),
    (9009, None, "failed"),
    (80002, None, "planned"),
]
"""Source: https://developers.facebook.com/docs/graph-api/guides/error-handling"""


def _after(document: Any, status: int = 400, kind: Kind = "comment", tries: int = 1) -> Settlement:
    answer = answer_to_write(status, CIMultiDict(), orjson.dumps(document))
    return after_answer(reply(kind, tries), answer, NOW)


@pytest.mark.parametrize(("code", "subcode", "state"), TABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_every_error(code: int, subcode: int | None, state: State, kind: Kind) -> None:
    """Nothing that may have been done is planned again; the reason is always told."""
    error = {"error": {"code": code, "error_subcode": subcode, "message": "no"}}
    settlement = _after(error, kind=kind)
    assert settlement.state == state
    assert settlement.reason
    assert (settlement.due_at is not None) == (
        state == "planned" or (state == "unknown" and kind == "comment")
    )


@pytest.mark.parametrize("code", [code for code, _, state in TABLE if state == "failed"])
@pytest.mark.parametrize("status", [500, 502, 504])
def test_what_the_server_fails_at_may_be_done(code: int, status: int) -> None:
    """Also where the code blames the call."""
    assert _after({"error": {"code": code, "error_subcode": 33}}, status).state == "unknown"


def test_an_answer_with_an_id() -> None:
    """Or without one."""
    assert _after({"id": "180"}, 200) == Settlement("sent", reply_id="180")
    assert _after({"success": True}, 200) == Settlement("sent")
    assert _after({"success": False}, 200) == Settlement("failed", "graph_did_not")


codes = st.integers(-10, 100_000)


@given(codes, st.none() | codes, st.booleans(), st.integers(200, 599), st.sampled_from(KINDS))
def test_what_is_said_to_pass_is_unknown_or_certainly_not_done(
    code: int, subcode: int | None, transient: bool, status: int, kind: Kind
) -> None:
    """Whatever Meta says: `planned` is for throttles, tokens and what is not allowed."""
    error = {"code": code, "error_subcode": subcode, "is_transient": transient}
    settlement = _after({"error": error}, status, kind)
    throttles = {4, 17, 32, 341, 368, 613, 80001, 80002, 80006}
    refusals = {3, 10, 102, 190, *range(200, 300)}
    if settlement.state == "planned":
        assert code in throttles or (code in refusals and not transient)
    elif code in throttles:
        pytest.fail("a throttle was not waited for")
    elif transient or status >= 500:
        assert settlement.state == "unknown"


@given(st.binary(max_size=40), st.integers(100, 599), st.sampled_from(KINDS))
def test_whatever_is_answered_has_an_outcome(body: bytes, status: int, kind: Kind) -> None:
    """What cannot be read is unknown, but for a throttle that tells itself by its status."""
    settlement = after_answer(reply(kind), answer_to_write(status, CIMultiDict(), body), NOW)
    if settlement.state == "planned":
        assert status == 429


@given(st.integers(1, 100), st.booleans(), st.sampled_from(KINDS))
def test_silence(attempts: int, was_sent: bool, kind: Kind) -> None:
    """Unknown once it left; else it is tried again within a minute."""
    error = GraphUnavailableError("graph_timeout", "no", was_sent=was_sent)
    settlement = after_silence(reply(kind, attempts), error, NOW)
    assert settlement.state == ("unknown" if was_sent else "planned")
    if not was_sent:
        assert settlement.due_at is not None
        assert timedelta(0) < settlement.due_at - NOW <= timedelta(minutes=1)


@given(st.integers(1, 100))
def test_a_block_lasts_longer_and_longer(attempts: int) -> None:
    """From six hours to a day."""
    blocked = {"error": {"code": 368}}
    first, later = (_after(blocked, tries=tries).due_at for tries in (attempts, attempts + 1))
    assert first is not None
    assert later is not None
    assert timedelta(hours=6) <= first - NOW <= later - NOW <= BLOCK_MAX
