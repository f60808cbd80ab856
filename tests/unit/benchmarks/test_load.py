"""Answers cut out of a stream, and requests built for it."""

import hashlib
import hmac
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import Answers
from benchmarks.requests import App, bodies, built, request_bytes

ANSWER = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nDate: now\r\n\r\nbusy"


@given(st.lists(st.integers(min_value=1, max_value=len(ANSWER) - 1), unique=True, max_size=5))
def test_answer_is_complete_with_its_last_byte_only(cuts: list[int]) -> None:
    """However the bytes are cut, the status comes with the last piece."""
    answers = Answers()
    bounds = [0, *sorted(cuts), len(ANSWER)]
    pieces = [ANSWER[a:b] for a, b in pairwise(bounds)]
    assert [answers.feed(piece) for piece in pieces] == [None] * len(cuts) + [503]


def test_answers_follow_one_another() -> None:
    """Nothing of an answer is left for the next one."""
    answers = Answers()
    assert [answers.feed(ANSWER), answers.feed(ANSWER)] == [503, 503]


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"SMTP\r\nContent-Length: 1\r\n\r\n"])
def test_other_protocols_are_refused(head: bytes) -> None:
    """An answer without a length, or no HTTP at all, is an error and not a wait."""
    with pytest.raises(ValueError, match="no HTTP answer"):
        Answers().feed(head)


def test_request_is_whole_and_signed() -> None:
    """Head and body fit each other, and the signature is the body's."""
    request = request_bytes(b'{"entry":[]}', App("1", b"secret"))
    head, _, body = request.partition(b"\r\n\r\n")
    digest = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert head.startswith(b"POST /webhooks/instagram HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert f"X-Hub-Signature-256: sha256={digest}".encode() in head.split(b"\r\n")
    assert b"Content-Length: 12" in head.split(b"\r\n")
    assert body == b'{"entry":[]}'


def test_bodies_differ_and_repeat_by_seed() -> None:
    """The same seed gives the same bodies, none of them twice."""
    made = bodies(20, changes=2, seed=3)
    assert made == bodies(20, changes=2, seed=3)
    assert len(set(built(made, App("1", b"secret")))) == 20
