"""What a signature is worth now: the answer of ingest, over what the archive holds."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from hookline.trace.verdict import SignatureVerdict, is_intact, verify_again
from simulator.signing import signature

SECRETS = [("1", b"first"), ("2", b"second")]


@given(st.binary(), st.sampled_from(SECRETS))
def test_the_app_whose_secret_signed_is_named(body: bytes, signer: tuple[str, bytes]) -> None:
    """Whichever of the live secrets it was."""
    app_id, secret = signer
    verdict = verify_again(SECRETS, body, signature(body, secret))
    assert (verdict.standing, verdict.app_id) == ("verified", app_id)


@given(st.binary(), st.text())
def test_any_other_signature_matches_no_secret(body: bytes, header: str) -> None:
    """Whatever stands in the archive: the verdict never raises."""
    refused = SignatureVerdict("no_secret_matches")
    assert verify_again(SECRETS, body, header) == refused
    assert verify_again(SECRETS, body, signature(body, b"third")) == refused


@given(st.binary(), st.text())
def test_without_secrets_nothing_is_judged(body: bytes, header: str) -> None:
    """That is said, and is not the same as a wrong signature."""
    assert verify_again([], body, header) == SignatureVerdict("no_secrets_configured")


@given(st.binary(), st.integers(0))
def test_a_changed_byte_is_seen(body: bytes, place: int) -> None:
    """A body is intact as long as it has the sha256 that was stored beside it."""
    sha256 = hashlib.sha256(body).hexdigest()
    assert is_intact(body, sha256)
    at = place % (len(body) + 1)
    assert not is_intact(body[:at] + b"x" + body[at:], sha256)
