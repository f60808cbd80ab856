"""Only what Meta signed with a secret of ours gets in."""

import hashlib
import hmac

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ingest.signature import HEADER, SignatureError, signature_digest, signing_app

SECRETS = [("1", b"first"), ("2", b"second"), ("1", b"third")]
DIGEST = "0123456789abcdef" * 4

secrets = st.binary(min_size=1, max_size=64)


def signed(secret: bytes, body: bytes) -> str:
    """The digest that Meta would send."""
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def refused(secret: bytes, body: bytes, digest: str) -> bool:
    """Whether a delivery is refused, for the one reason there is."""
    try:
        signing_app([("1", secret)], body, digest)
    except SignatureError as error:
        return error.reason == "signature_mismatch"
    return False


def flipped(data: bytes, bit: int) -> bytes:
    """`data` with one bit turned."""
    at = bit % (8 * len(data))
    return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]


def test_a_known_signature() -> None:
    """Computed with openssl, outside of Python."""
    body = b'{"text":"\\u00e4"}'
    digest = "934256dac49141d9ab4a8342ce253e83a309496fa278bcd80270dae9f2aba975"
    assert signing_app([("app", b"secret")], body, digest) == "app"


@given(secrets, st.binary())
def test_what_is_signed_gets_in(secret: bytes, body: bytes) -> None:
    """Whatever the bytes."""
    assert signing_app([("1", secret)], body, signed(secret, body)) == "1"


@given(secrets, st.binary(min_size=1), st.integers(0))
def test_any_flipped_bit_of_the_body_is_refused(secret: bytes, body: bytes, bit: int) -> None:
    """Not a single bit can change on the way."""
    assert refused(secret, flipped(body, bit), signed(secret, body))


@given(secrets, st.binary(), st.integers(0))
def test_any_flipped_bit_of_the_signature_is_refused(secret: bytes, body: bytes, bit: int) -> None:
    """By the form where it is none any more, else by the comparison."""
    header = flipped(f"sha256={signed(secret, body)}".encode(), bit).decode("latin-1")
    try:
        digest = signature_digest([header])
    except SignatureError as error:
        reason = error.reason
    else:
        assert refused(secret, body, digest)
        reason = "signature_mismatch"
    assert reason in {"signature_malformed", "signature_mismatch"}


@given(secrets, st.binary(), st.integers(0))
def test_any_flipped_bit_of_the_secret_is_refused(secret: bytes, body: bytes, bit: int) -> None:
    """A key that is nearly right is wrong. A trailing NUL is HMAC's own padding."""
    other = flipped(secret, bit)
    assume(other.rstrip(b"\0") != secret.rstrip(b"\0"))
    assert refused(other, body, signed(secret, body))


@given(st.binary(), st.binary(max_size=3), st.binary(max_size=3))
def test_not_a_byte_more_or_less(body: bytes, before: bytes, after: bytes) -> None:
    """The digest covers the whole body and nothing else."""
    assume(before or after)
    assume(before + body + after != body)
    assert refused(b"key", before + body + after, signed(b"key", body))


@pytest.mark.parametrize(("app_id", "secret"), SECRETS)
def test_several_secrets_are_live_at_once(app_id: str, secret: bytes) -> None:
    """Each of them lets in, and tells its app."""
    assert signing_app(SECRETS, b"body", signed(secret, b"body")) == app_id


def test_no_secret_lets_nobody_in() -> None:
    """Nor does one that is not configured."""
    for configured in ([], SECRETS):
        with pytest.raises(SignatureError) as caught:
            signing_app(configured, b"body", signed(b"fourth", b"body"))
        assert caught.value.reason == "signature_mismatch"


@given(st.text(st.sampled_from("0123456789abcdef"), min_size=64, max_size=64))
def test_the_documented_form_is_read(digest: str) -> None:
    """`sha256=` and 64 lower-case hex digits."""
    assert signature_digest([f"sha256={digest}"]) == digest


@pytest.mark.parametrize(
    "value",
    [
        "",
        DIGEST,
        f"sha256={DIGEST[:-1]}",
        f"sha256={DIGEST}0",
        f"sha256={DIGEST.upper()}",
        f"sha256={DIGEST[:-1]}g",
        f"sha256={DIGEST[:-1]}٣",
        f"sha256={DIGEST[:-1]}\udc80",
        f"SHA256={DIGEST}",
        f"sha1={DIGEST[:40]}",
        f"sha256= {DIGEST}",
        f" sha256={DIGEST}",
        f"sha256={DIGEST} ",
        f"sha256={DIGEST}\n",
        f"\nsha256={DIGEST}",
        f"sha256=={DIGEST[:-1]}",
        f"sha256={DIGEST},sha256={DIGEST}",
    ],
)
def test_any_other_form_is_refused(value: str) -> None:
    """Nothing is trimmed, folded or guessed."""
    with pytest.raises(SignatureError) as caught:
        signature_digest([value])
    assert caught.value.reason == "signature_malformed"


@given(st.text())
def test_any_text_is_the_form_or_refused(value: str) -> None:
    """Nothing else comes out, whatever a header holds."""
    with pytest.raises(SignatureError):
        signature_digest([value])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "signature_missing"),
        ([f"sha256={DIGEST}"] * 2, "signature_repeated"),
        (["", f"sha256={DIGEST}"], "signature_repeated"),
    ],
)
def test_there_is_exactly_one_header(values: list[str], reason: str) -> None:
    """Two could be read differently by two readers."""
    with pytest.raises(SignatureError) as caught:
        signature_digest(values)
    assert caught.value.reason == reason


def test_the_header_is_the_sha256_one() -> None:
    """The SHA-1 header beside it counts for nothing."""
    assert HEADER == "X-Hub-Signature-256"
