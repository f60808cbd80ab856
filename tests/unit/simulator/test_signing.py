"""Signatures are what a receiver computes, and the wrong ones are wrong."""

import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from simulator.signing import Signing, headers

SECRET = b"an app secret"


def accepts(received: CIMultiDict[str], body: bytes, secret: bytes) -> bool:
    """A strict receiver: exactly one header, well-formed, right."""
    values = received.getall("X-Hub-Signature-256", [])
    if len(values) != 1 or not re.fullmatch(r"sha256=[0-9a-f]{64}", values[0], re.ASCII):
        return False
    return values[0] == "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


@given(st.binary(), st.binary(min_size=1))
def test_valid_headers_hold_both_digests(body: bytes, secret: bytes) -> None:
    """Both headers are there, over the raw bytes, under the app secret."""
    made = headers(body, secret)
    assert made["x-hub-signature"] == "sha1=" + hmac.new(secret, body, hashlib.sha1).hexdigest()
    assert accepts(made, body, secret)


@pytest.mark.parametrize("signing", [kind for kind in Signing if kind is not Signing.VALID])
@given(st.binary())
def test_spoilt_headers_are_refused(signing: Signing, body: bytes) -> None:
    """No other kind passes a strict receiver, whatever the body."""
    assert not accepts(headers(body, SECRET, signing), body, SECRET)


def test_other_headers_are_the_captured_ones() -> None:
    """No delivery id, no attempt counter, no time."""
    made = headers(b"{}", SECRET)
    assert {name.lower() for name in made} == {
        "content-type",
        "user-agent",
        "accept",
        "accept-encoding",
        "x-hub-signature",
        "x-hub-signature-256",
    }
    assert made["User-Agent"] == "Webhooks/1.0 (https://fb.me/webhooks)"
    assert made["Content-Type"] == "application/json"
